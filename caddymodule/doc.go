// Package caddymodule connects the gateway to Caddy: the webhook_gateway app and
// HTTP handler, their Caddyfile, the provider and store modules, the metrics, the
// admin API and the commands. No package below it imports Caddy.
//
// Start with [Handler], which is one endpoint, and with [App], which owns the state that
// all endpoints share. This page says which function does which step, and where.
//
// # A request
//
// Caddy calls ServeHTTP for each request that the endpoint's matcher selects. A
// [request] (request.go) carries the results from step to step.
//
//	ServeHTTP        serve.go      remove forged Webhook-Gateway headers, begin the facts
//	guarded          before.go     run the handlers of the block `before`
//	serve            serve.go      go through the steps below, in this order
//	enter            request.go    get the shared state, which has the store
//	head             request.go    take memory for the headers (room.go shares it out)
//	current          learnt.go     get the verifier with its secrets, learnt ones included
//	read             request.go    read the body and take memory as it arrives (receive.go)
//	greet            handshake.go  answer a handshake that is not signed
//	judge            serve.go      check method, signature and signed time
//	greet            handshake.go  answer a handshake that is signed
//
// The mode of the endpoint decides how the request ends. An enforcing endpoint refuses
// a request with a fault. An observing one only notes the fault, and the verdict of the
// store on a known event.
//
//	enforce          serve.go      refuse, or take the steps below
//	fit              fit.go        refuse a request that cannot be forwarded
//	dropHopVerified  hop.go        drop the headers of one connection
//	genuine          room.go       note that this client sent a verified request
//	identify         identify.go   make the dedupe key
//	observe          observe.go    the same steps, without a refusal
//
// An endpoint with a forward then keeps the event:
//
//	store            accept.go     let one of several identical requests go on
//	keepObserved     observe.go    or, if it observes, every one of them
//	after            deadline.go   limit the time of the commit
//	route            accept.go     choose the forwards (matches, in routing.go)
//	keep             accept.go     wait for room on the disk if the sender never retries
//	message          message.go    make the record of the request
//	commit           accept.go     write event, key and deliveries at once
//	took             accept.go     count and log the event
//	acknowledge      accept.go     answer the sender
//	relay            wait.go       let the upstream answer, where a forward has `wait`
//	succeeded        answer.go     else write the provider's success
//
// An endpoint without a forward passes the event on:
//
//	pass             passthrough.go  let one of several identical requests go on
//	passObserved     observe.go    or, if it observes, every one of them
//	passable         passthrough.go  set headers and body for the next handler
//	handOn           passthrough.go  let the next handler answer
//	release          passthrough.go  send the answer on, and call mark if it is a success
//	mark             passthrough.go  take the dedupe key, while the sender has its answer
//	passed           passthrough.go  count and log the event
//
// A request that gets no further ends in one of these:
//
//	refused          answer.go     the sender is at fault: 4xx, by the reason
//	capture          refused.go    keep a copy of it for people
//	unavailable      answer.go     the gateway is at fault: 503 with Retry-After
//	crowded          answer.go     no memory: 503, and the rest is not read
//	unjudged         observe.go    no store: pass it on if the endpoint observes, else 503
//	failed           answer.go     any other error, as Caddy's server would handle it
//
// A person can have a refused request judged again, and accepted if it is verified:
//
//	again            refused_again.go  make the request of its copy once more
//	judgeAgain       refused_again.go  check it as of the time of its receipt
//	acceptAgain      refused_again.go  identify it and store it, as above
//
// # A delivery
//
// Each forward has a [queue.Worker]. It claims deliveries of its destination within
// the limits of the [Policy].
//
//	worker           forward.go    make the worker of a forward
//	attempt          attempt.go    the worker calls this for each attempt
//	rebuild          message.go    make a request of the stored message
//	prepare          message.go    give it placeholders and mark it for the transport
//	sign             sign_with.go  add the signature of `sign_with`
//	RoundTrip        transport.go  send, with credentials hidden from reverse_proxy's log
//	send             exchange.go   send again if the upstream closed an idle connection
//	failure          attempt.go    make an error of an answer that is no success
//	attempted        attempt.go    count, log and publish the outcome
//
// The worker marks the outcome in the store before it calls attempted. It decides by
// [queue.Backoff] whether a failed attempt is repeated or becomes a dead letter.
// [Transport] is put into each reverse_proxy while the routes are loaded.
//
// # Reload and handover
//
// Provision opens and starts nothing, because `caddy validate` runs it beside a
// working gateway. The shared state (store, dedupe window, memory, learnt secrets, refused requests)
// lives in a pool by the store's location. Each configuration and each early or late
// request holds a reference to it; the last one closes the store.
//
//	Start            app.go        open the shared state or join it, start the workers
//	openShared       shared.go     take a reference
//	settleStore      takeover.go   give the store this configuration's settings
//	deliver          shared.go     start a worker, which takes over the old one's circuit
//	takeOver         takeover.go   make this configuration the active one
//	Handle           exit.go       at an exit: let attempts finish before the server stops
//	Stop             app.go        stop claiming at once; attempts may finish
//	handBack         takeover.go   restore the former one if this one failed to start
//	retire           exit.go       after a reload: wait for the attempts, then drop the reference
//	Cleanup          app.go        at an exit: drop the reference
//
// Locks: handover is taken before the pool's own. shared.settling is taken for a
// change of the active configuration or of the store's settings. App.mu guards the
// endpoints and the running state, and no other lock is taken under it.
//
// # Where to add things
//
// A line of the Caddyfile: the field with its comment and default, one line in the
// table of its block, and a check of the value. The names in errors, the proposals for
// mistyped names and the check for doubled lines come from the table:
//
//	endpointBlock    caddyfile.go  field in handler.go, check in settleLimits or beside it
//	globalBlock      caddyfile.go  field and check in app.go
//	forwardBlock     forward_caddyfile.go  field and check in forward.go
//	policyLines      policy_caddyfile.go   field in policy.go, check in policy_settle.go
//	providerBlock    provider_options.go   field of the scheme in package verifiers
//
// A retry knob: the field with its default in [queue.Backoff], the field in [Retry]
// (policy.go), a line in retryBlock (policy_caddyfile.go), and one line each in
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
