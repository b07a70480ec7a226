// Package pebble is the queue's store on the local disk, on top of the Pebble
// key-value engine.
//
// Start with two types. [Store] is the whole queue in one folder; [Open] returns
// it. A destination (destination.go) is its part in memory for one queue.Destination. Its
// [window.Window], which all stores share, decides which delivery is claimed next.
//
// Three more types carry the work:
//
//   - [engine.Engine] owns the folder and the Pebble in it. The store gives it four hooks
//     (store.go, load.go).
//   - write (accept.go) is one acceptance on its way to the disk.
//   - change (change.go) moves one delivery from one stage to the next.
//
// # The life of a delivery
//
// Accept. [Store.Accept] locks the dedupe keys of the event, looks them up and
// decides. A new event becomes one batch: the message, one index entry for each
// delivery, the summary for lists, and the dedupe keys. The delivery is noted in
// the window of its destination before the batch can become visible. No worker can claim it yet.
//
// Commit. The batch goes through the pipeline of the engine, where concurrent commits
// share their syncs. When the caller returns without an error, the batch is durable. A
// caller can leave earlier when its context ends; write.finish then runs later, with the
// outcome.
//
// Memory. write.finish adds the delivery to its destination, releases the dedupe keys
// and, for a route with Hold, makes the claim for the caller. The destination keeps a
// window: the first 512 deliveries by due time. Later ones are on disk only.
// The window is filled again by a scan of the index when it is empty.
//
// Reserve. The keys of an event under way are in memory alone (reserve.go). Take writes them durably,
// those of many events in one commit (take.go).
//
// Claim. [Store.Claim] takes the first delivery that is due, removes it from the
// window and notes the claim there. Nothing is written: on disk a claimed
// delivery looks like a waiting one. The message is read once and shared by all
// claims of that message (flight.go).
//
// Mark. Done, Retry and Bury write a change: the new state with the attempt, and the
// move from one place in the index to another. The attempt before gets a record. A mark is not synced by itself. It reaches the
// file within 50 ms, or with the next synced batch. A crash before that repeats
// the attempt. After an error the claim is still held and can be marked again.
//
// Retry. The delivery returns to the index with a later due time.
//
// Dead letter. Bury moves the delivery to the dead letters of the index. It counts
// against the limit on the backlog until a person redelivers or purges it.
//
// Ended. A delivered, cancelled or unrouted delivery moves to the ended ones of
// the index and stays for the retention of its destination. Without retention
// it is removed in the commit of its mark.
//
// Swept. [Store.Sweep] and a background loop remove ended deliveries whose
// retention is over, and the oldest ones beyond the limit on their bytes. The
// message goes with its last delivery; a record of its removal stays for 30 days.
// Dedupe keys are kept in buckets of their expiry. A second loop drops each bucket as one
// range when all of its keys have expired.
//
// Redeliver. operate.go holds the operations of a person. An operation locks the
// message, and claims the delivery if it waits. An attempt under way makes it
// return [queue.ErrBusy]. Redeliver starts the attempts at zero and makes the
// delivery due at once.
//
// Pause. A paused destination gives out no claims. Accepting goes on.
//
// Order keys. Waiting deliveries of one order key are sorted by receipt (package window, ordered.go).
// Only the first, the head, can be claimed, and a claim blocks the order key
// until it ends. Only the head is in memory; the next one is searched on disk.
// While deliveries of several order rules wait for one destination, they are delivered in
// the order of receipt (rule.go there).
//
// Parked. A delivery whose message is sealed with a missing key is tried again after
// five minutes, or as soon as a key is added (parked.go).
//
// # Crash and reopen
//
// After a crash, Pebble replays its log. The store then counts the waiting and
// dead deliveries of each destination from the indexes (load.go). All claims are
// gone, so their deliveries are due at once. Ended deliveries and dedupe keys are
// counted in the background.
//
// A failed write, or a folder that is gone, ends the database and not the store. The
// engine opens a new one. Until then every method returns [queue.ErrUnavailable]. Claims
// survive: reconcile compares them with the index of the new database.
//
// # Full disk
//
// The engine has a reserve of three files. After the first is used, events are refused.
// After the second is used, outcomes of deliveries are refused as well. The third is for
// opening. Meanwhile the reclaimer removes ended deliveries and compacts (reclaim.go).
//
// # Damage and salvage
//
// A record that does not decode is moved to a kind of its own, 'b'. A block with
// a wrong checksum hides its records; readers continue behind it (damaged.go). At
// the start, waiting deliveries in a hidden part of the index are restored from
// the summaries (mend.go). A folder that cannot be opened leaves the store without
// a database until the folder is replaced. [check.Salvage] copies all
// readable records into a new folder, and [check.Run] reads a stopped folder and
// reports the faults in it.
//
// # Files
//
//	store.go, options.go             Store, Open and the destinations
//	load.go, mend.go, damaged.go     the state at the start, damage
//	accept.go, slide.go, encode.go   an acceptance; a duplicate renews its key
//	reserve.go, take.go              events under way; their keys in common commits
//	claim.go, change.go, parked.go   claims, marks and stages
//	destination.go                   a destination: its counts, and the index for its window
//	flight.go                        messages in memory
//	operate.go, reroute.go, pause.go, learn.go   operations of a person, learnt secrets
//	listing.go, inspect.go, merge.go, view.go   lists
//	stats.go                         counts
//	retain.go, sweep.go, reclaim.go  removal of ended deliveries, keys and garbage
//	bucket.go, filter.go, stripes.go dedupe keys
//	canary.go                        encryption keys
//	steady.go                        the due clock
//
// # Packages below
//
//   - engine owns the folder and its database: opening, repair, closing, commits, a full
//     disk. It does not interpret records.
//   - record is the format: keys and values. Its doc.go has the table of the
//     keys, with an example of each.
//   - folder reads the files of a Pebble folder, sound or damaged.
//   - check reads the folder of a stopped store: it reports faults and salvages records.
//
// # Memory
//
//	memory                                 bound
//	block cache, filters, memtables        36 MiB
//	messages between receipt and claim     16 MiB (flights.fresh); bodies from 1 MiB up are read from disk
//	claimed messages                       the concurrency of the workers; each message once
//	window of a destination                512 deliveries; more only while a scan runs
//	heads of order keys                    about 100 bytes for each order key with waiting deliveries
//	ages                                   40 bytes for each minute of receipt with waiting deliveries, by destination
//	destinations                           one for each name ever used in the folder
//	filter of dedupe keys                  1 MiB for the first million keys, 16 MiB for ten million; twice while it is rebuilt
//	buckets of dedupe keys                 up to ten for each length of a window
//	stripes                                2 × 4,096 channels
//	commits on their way                   256 before Pebble, 1,024 before the disk
//	damage                                 one hole in the files each
//
// # The order of locks
//
// A goroutine that holds a lock may take only locks further down this list. Locks
// on one level are never held together. A function whose name ends in Locked must
// be called with its receiver's lock held (for a claim or change: the destination's, which is
// that of its window).
//
//	1  history.turn          one sweep of ended deliveries at a time. A channel of one.
//	   Store.pausing         one Pause at a time, so that memory follows the last commit.
//	   Store.secrets         one change of learnt secrets or of encryption keys at a time.
//	2  Store.locks           stripes by dedupe key: from the decision on a key until the
//	                         outcome of its commit.
//	   Store.parts           stripes by message ID: who removes or operates on deliveries of
//	                         a message.
//	3  write.mu              a caller that leaves against the outcome of its commit.
//	   flight.once           the first reader of a message. Held during a read of Pebble.
//	4  Store.destinationsMu  the set of destinations, and their names.
//	5  Window.Mutex          window, order keys, busy claims, waiters and counts of one
//	                         destination, and the phase of its claims.
//	6  those of the engine   taken by every call of Pebble or of the engine; engine/doc.go has
//	                         their order.
//	7  buckets.mu            the list of the buckets of dedupe keys; it is read without.
//	   flightShard.mu        the messages in memory whose ID ends alike.
//	   garbage.mu            the estimate of removed bytes.
//	   steady.mu             the due clock.
//	   reservations.mu       the events under way.
//	   takes.mu              the reservations that are recorded in the next commit.
//
// Rules that follow from it:
//
//   - Stripes are taken in ascending order, all at once; see stripes.lock and lockAll.
//     A goroutine holds stripes of Store.locks or of Store.parts, never of both.
//   - A claim is like a lock of one delivery, but it is never waited for: an operation
//     holds the message and gets ErrBusy. Therefore a mark may lock the message while
//     it holds the claim. It waits for 5 s at most, because the holder may be waiting
//     for a full disk.
//   - Indexes are read without the lock of a window. One exception: operation.hold reads the
//     state of one delivery below it.
//   - The engine holds none of its locks while it calls a hook.
//   - Level 7 is held for memory only: not for a call of Pebble, a log line or a wait.
//   - A user of a database (Store.enter) may wait only for things that end when the
//     database is dead: the outcome of a commit, and stripes, whose holders wait for one.
//     It must not wait for a goroutine that writes to Pebble directly; see
//     [engine.Database.Direct].
//
// Handovers by channel:
//
//   - finish of a commit runs on the caller's goroutine, or on one of the engine if the
//     caller has left. It takes locks of the levels 3 to 5 and releases those of the
//     levels 1 and 2.
//   - A window has a channel for each waiting Claim. Whoever changes the destination
//     wakes one of them, and a woken one that leaves wakes the next.
//   - sweeper.early wakes a loop before its time.
//   - keyFilter.next is the right to load a filter, taken by compare-and-swap.
//   - [engine.Engine.Running] ends at Close, which then waits for the store's loops.
package pebble
