// Package caddymodule connects the gateway to Caddy: the webhook_gateway app and
// HTTP handler, their Caddyfile, the provider and store modules, the metrics, the
// admin API and the commands. No package below it imports Caddy.
//
// Start with [Handler], which is one endpoint, and with [App], which owns what all
// endpoints share. This page says which function does which step, and where.
//
// # A request
//
// Caddy calls ServeHTTP for each request that the endpoint's matcher selects.
//
//	ServeHTTP        serve.go      remove forged Webhook-Gateway headers, begin the facts
//	guarded          before.go     run the handlers of the block `before`
//	serve            serve.go      go through the steps below, in this order
//	useBy            overload.go   get the shared state, which has the store
//	expect           receive.go    take memory for the headers (room.go shares it out)
//	current          learnt.go     get the verifier with its secrets, learnt ones included
//	read             receive.go    read the body and take memory as it arrives
//	greet            handshake.go  answer a handshake that is not signed
//	judge            serve.go      check method, signature and signed time
//	greet            handshake.go  answer a handshake that is signed
//	fit              fit.go        refuse a request that cannot be forwarded
//	dropHopVerified  hop.go        drop the headers of one connection
//	genuine          room.go       note that this client sent a verified request
//	identifyAt       window.go     make the dedupe key
//
// An endpoint with a forward then keeps the event:
//
//	accept           serve.go      let one of several identical requests go on
//	routeNow         serve.go      choose the forwards (matches, in routing.go)
//	keep             serve.go      write event, key and deliveries in one commit
//	message          forward.go    make the record of the request
//	took             serve.go      count and log the event
//	acknowledge      serve.go      answer the sender
//	relay            hybrid.go     let the upstream answer, where a forward has `wait`
//	answer           answer.go     else write the provider's success
//
// An endpoint without a forward passes the event on:
//
//	pass             serve.go      let one of several identical requests go on
//	passable         serve.go      set headers and body for the next handler
//	release          taker.go      send the answer on, after mark if it is a success
//	mark             serve.go      take the dedupe key
//	passed           serve.go      count and log the event
//
// A request that gets no further ends in one of these:
//
//	refused          answer.go     the sender is at fault: 4xx, by the reason
//	unavailable      answer.go     the gateway is at fault: 503 with Retry-After
//	crowded          answer.go     no memory: 503, and the rest is not read
//	failed           answer.go     any other error, as Caddy's server would handle it
//
// An observing endpoint leaves serve after read. It refuses and drops nothing:
//
//	observe          observe.go    the same checks, with the verdict noted only
//	keepObserved     observe.go    keep the event, with a forward
//	passObserved     observe.go    pass the event on, without
//
// # A delivery
//
// Each forward has a [queue.Worker]. It claims deliveries of its destination within
// the limits of the [Policy].
//
//	worker           forwards.go   make the worker of a forward
//	attempt          forward.go    the worker calls this for each attempt
//	rebuild          forward.go    make a request of the stored message
//	prepare          routing_stored.go  give it placeholders and mark it for the transport
//	sign             resign.go     add the signature of `sign_with`
//	RoundTrip        transport.go  send, with credentials hidden from reverse_proxy's log
//	send             exchange.go   send again if the upstream closed an idle connection
//	failure          forward.go    make an error of an answer that is no success
//	attempted        forward.go    count, log and publish the outcome
//
// The worker marks the outcome in the store before it calls attempted. It decides by
// [queue.Backoff] whether a failed attempt is repeated or becomes a dead letter.
// [Transport] is put into each reverse_proxy while the routes are loaded.
//
// # Reload and handover
//
// Provision opens and starts nothing, because `caddy validate` runs it beside a
// working gateway. The shared state (store, dedupe window, memory, learnt secrets)
// lives in a pool by the store's location. Each configuration and each early or late
// request holds a reference to it; the last one closes the store.
//
//	Start            app.go        open the shared state or join it, start the workers
//	openShared       shared.go     take a reference
//	settleStore      takeover.go   give the store this configuration's settings
//	deliver          shared.go     start a worker, which takes over the old one's circuit
//	takeOver         takeover.go   make this configuration the active one
//	Stop             app.go        stop claiming at once; attempts may finish
//	handBack         takeover.go   restore the former one if this one failed to start
//	stop             shared.go     wait for the attempts, then drop the reference
//
// Locks: handover is taken before the pool's own. shared.settling is taken for a
// change of the active configuration or of the store's settings. App.mu guards the
// endpoints and the running state, and no other lock is taken under it.
//
// # Where to add things
//
// A line of an endpoint: the field with its comment in handler.go, its reading in
// [Handler.unmarshalOption] and its name in endpointOptions (caddyfile.go), a check
// in [Handler.settleLimits] or a function beside it.
//
// A line of a forward: the field in forwards.go, its reading in
// [Forward.unmarshalOption] and its name in forwardOptions (forward_caddyfile.go), a
// check in [Forward.provision].
//
// A global line: the field in app.go, parseGlobalOption and globalOptions
// (caddyfile.go), a check in [App.Provision].
//
// A retry knob: the field with its default in [queue.Backoff], the field in [Retry]
// (policy.go), a line in parseRetry (policy_caddyfile.go), and one line each in
// layRetry, check and queue (policy_settle.go).
//
// A metric: a field of metrics, its collector and its registration. If the value is
// read at each scrape, a descriptor of storesCollector (metrics.go).
//
// An event for Caddy's events app: a constant and its place in eventNames, and the
// outcome it is made of in eventOf (events.go).
//
// An admin operation: a route in apiRoutes (admin_routes.go) and the method that it
// names. Run TestOpenAPIFile with -update; the document is made of the routes.
//
// A line of a Caddyfile, good or bad, is tried by a file in testdata/adapt or
// testdata/errors. Add a row to the tables in docs as well.
package caddymodule
