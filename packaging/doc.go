// Package packaging contains what releases are packed with, and the tests that build, install
// and run a package of them. It is a module of its own, so that the gateway does not depend
// on the tools of releases.
package packaging
