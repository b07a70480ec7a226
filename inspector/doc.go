// Package inspector is the gateway's page for people: its files, the rules by which
// they are served, and the part of the admin API that the page may call. It depends
// neither on Caddy nor on the gateway.
//
// Start with [Page]. Two callers serve it: the command `caddy webhook ui`, which hands
// the calls to the admin endpoint, and the handler webhook_gateway_inspector, which
// answers them itself.
//
//	page.go      Page: the headers of every answer, and the way of a request
//	calls.go     the operations that the page may call, and the guards before them
//	assets.go    the files of ui, with their types and ETags
//	ui/          the page: ES modules as they are served, without a build step
//	ui/vendor/   Preact and htm as published in the npm package htm 3.1.1, with licences
//	browser/     the tests in a browser, an npm package of their own
package inspector
