// Package deploy has no code: its tests run and check the files for containers
// and Kubernetes, and the files of the repository on GitHub. It is a module of its own, so
// that nobody who builds the gateway downloads Helm.
package deploy
