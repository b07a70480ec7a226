// Package deploy has no code: its tests run and check what the folder has for containers
// and Kubernetes, and the files of the repository on GitHub. It is a module of its own, so
// that nobody who builds the gateway downloads Helm.
package deploy
