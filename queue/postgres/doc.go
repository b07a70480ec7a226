// Package postgres is the queue's store on PostgreSQL, for several gateways that share one database.
//
// Start with [Store]; [Open] returns it. Any node accepts. Each destination has one owner at a
// time, which alone delivers: it has the waiting deliveries in a [window.Window], and its claims
// are memory. Nodes talk to the database only.
//
// # The life of a delivery
//
// Accept. What has come in while the batches before were written is one batch: one statement, one
// commit (accept_1 in schema.sql, accept.go). The dedupe keys go in first, in one order. Whoever
// inserts a key that another transaction is inserting waits for its end, on any node, so a twin
// hears "duplicate" only when the first is durable. The statement is never cancelled: with
// synchronous replication, the database would commit locally what no standby has.
//
// Memory. If this node owns the destination, it adds the delivery to the window. Otherwise the
// delivery is in the table inbox, which the owner reads when it is notified and every 250 ms
// (inbox.go). An ordered delivery goes through the inbox too while there is anything in it.
//
// Answer. With Route.Hold the caller of Accept wants to make the first attempt, for a sender that
// waits. The owner gives it the claim. Another node gives it nothing: the row of the inbox says that
// it asks, and the owner makes the attempt as if it had accepted the delivery itself, if it is its
// turn. So the limits of the destination hold, and no second node attempts. The answer, or that
// there is none, goes back through the table answer (answer.go).
//
// Claim. The owner claims in memory and writes nothing (destination.go). The message is in memory
// since the acceptance, or read now.
//
// Mark. Done, Retry and Bury change the row if it has the version that was seen (mark_1,
// claim.go). That is the fence: the mark of a former owner changes nothing and returns
// [queue.ErrLost]. Marks are not waited for (synchronous_commit off): a crash repeats the attempt.
//
// Operations of a person are carried out by the owner, which knows what is under way. Other nodes
// ask for it by a row of the table command (command.go). Lists read the tables (list.go).
//
// # Events under way
//
// Reserve writes a row in the table of keys with expires = 0, until and holder (reserve.go). The
// node renews it four times in a lease, and deletes it after Drop; Take makes it a recorded key.
// Twins on this node and on others read the row until it is free or recorded.
//
// # Encryption
//
// The record of a message, those of its attempts, the column last and learnt secrets are sealed by
// package seal, each bound to its message or to its row of secret, as are answers. Not sealed are the fields by which the
// store finds them: names of endpoints and destinations, event IDs and types, sizes, times and states,
// and digests of dedupe keys, order keys and secrets.
//
// Each key that has been the first one of a node has a row in canary, so that a key is not
// exchanged by mistake (canary.go). Each node publishes short names of its keys, so that a
// difference is a warning (queue.NodeKeys). A delivery whose key its owner does not have is
// parked (parked.go).
//
// # Owners
//
// Each node renews its row four times in a lease, by the clock of the database (nodes.go). It
// takes the destinations that fall to it by rendezvous hashing, if their owner is silent for the
// lease or has given them back (owning.go). It ends its tenures itself when it could not renew for three quarters of
// the lease, and with them the contexts of its claims, so that workers cut their attempts off. An
// upstream may get such a delivery twice nevertheless; the fence lets one mark count.
//
// An accept holds a shared advisory lock on its destinations, and a change of the owner an
// exclusive one, under which the new owner reads the backlog. So an accept knows who the owner
// is at its commit, and each delivery reaches its memory once: by the accept, by the inbox or
// with the backlog.
//
// # Failover
//
// A statement that writes an event is never cancelled, so a server that does not answer any more
// would keep it, and the goroutine that waits for it, for ever. Instead its connection is closed
// (links.go): when a new one finds another server or none, and when the store closes. What became
// of the event is looked up later (resolve in accept.go). A server that takes new connections
// and leaves statements unanswered is at work: they wait for a lock or a standby.
//
// A connection finds out which server answers. The one with the newest timeline that this node
// has met is the database; a former primary, with a lower one, is passed over.
//
// A crash of the database takes back marks of the last moment, while the node keeps its lease.
// The node remembers the deliveries that it has ended since its last renewal, which is on the
// disk, and looks them up when the server was started anew (lost.go).
//
// # The order of locks
//
// In the database: advisory locks of destinations in ascending order, keys in ascending order, the
// row of the message, rows of deliveries. In memory: Store.beating, destination.mu or Store.mu, a
// window. Nobody holds a window's lock while the database answers. Nothing is locked under
// reserved.mu, links.mu or unflushed.mu.
//
// # Limits
//
// Order across nodes is by receipt: clocks that differ can swap events that two nodes receive
// within that difference.
package postgres
