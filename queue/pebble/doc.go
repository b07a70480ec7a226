// Package pebble is the queue's store on the local disk, on top of the Pebble
// key-value engine.
//
// Start with two types. [Store] is the whole queue in one folder; [Open] returns
// it. A lane (lane.go) is the part of the store in memory that belongs to one
// destination: it decides which delivery is claimed next.
//
// Three more types carry the work:
//
//   - database (database.go) is one opened Pebble with its commit pipeline.
//   - write (accept.go) is one acceptance on its way to the disk.
//   - change (change.go) moves one delivery from one stage to the next.
//
// # The life of a delivery
//
// Accept. [Store.Accept] locks the dedupe keys of the event, looks them up and
// decides. A new event becomes one batch: the message, one index record for each
// delivery, the summary for lists, and the dedupe keys. The delivery is noted in
// lane.busy before the batch can become visible. No worker can claim it yet.
//
// Commit. The batch goes through the pipeline of database. The goroutine apply
// hands batches to Pebble one after another without waiting for the disk. The
// goroutine await waits for the disk and wakes the callers, so concurrent
// commits share their syncs. When the caller returns without an error, the batch
// is durable. A caller can leave earlier when its context ends; the outcome is
// then handled by outlast.
//
// Memory. write.finish adds the delivery to its lane, releases the dedupe keys
// and, for a route with Hold, makes the claim for the caller. The lane keeps a
// window: the first 512 deliveries by due time. Later ones are on disk only.
// The window is filled again by a scan of the index when it is empty.
//
// Claim. [Store.Claim] takes the first delivery that is due, removes it from the
// window and enters it in lane.busy. Nothing is written: on disk a claimed
// delivery looks like a waiting one. The message is read once and shared by all
// claims of that message (flight.go).
//
// Mark. Done, Retry and Bury write a change: the attempt, the new stage, and the
// move from one index to another. A mark is not synced by itself. It reaches the
// file within 50 ms, or with the next synced batch. A crash before that repeats
// the attempt. After an error the claim is still held and can be marked again.
//
// Retry. The delivery returns to the index with a later due time.
//
// Dead letter. Bury moves the delivery to the index of dead letters. It counts
// against the limit on the backlog until a person redelivers or purges it.
//
// Ended. A delivered, cancelled or unrouted delivery moves to the index of ended
// deliveries and stays for the retention of its destination. Without retention
// it is removed in the commit of its mark.
//
// Swept. [Store.Sweep] and a background loop remove ended deliveries whose
// retention is over, and the oldest ones beyond the limit on their bytes. The
// message goes with its last delivery; a record of its removal stays for 30 days.
// Expired dedupe keys are swept by a second loop.
//
// Redeliver. operate.go holds the operations of a person. An operation locks the
// message, and claims the delivery if it waits. An attempt under way makes it
// return [queue.ErrBusy]. Redeliver starts the attempts at zero and makes the
// delivery due at once.
//
// Pause. A paused lane gives out no claims. Accepting goes on.
//
// Order keys. Deliveries with an order key wait in a line of their own, sorted by
// receipt. Only the head of a line can be claimed, and a claim blocks the line
// until it ends. Only the head is in memory; the next one is searched on disk.
// While deliveries of several order rules wait in one lane, they are delivered in
// the order of receipt (rule.go).
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
// A failed write ends the database and not the store. The fence (disk.go) stops
// the write, and Store.repair opens a new Pebble on the same files. Until then
// every method returns [queue.ErrUnavailable]. Claims survive: reconcile compares
// them with the index of the new database.
//
// # Full disk
//
// A write without space is not an error for Pebble: the fence gives back a part
// of the reserve and writes again, or waits until there is space. The reserve
// has three files (space.go). After the first is used, events are refused. After
// the second is used, outcomes of deliveries are refused as well. The third is
// for opening. Meanwhile the reclaimer removes ended deliveries and compacts
// (reclaim.go). A compaction is the only writer that gets ENOSPC.
//
// # Damage and salvage
//
// A record that does not decode is moved to a kind of its own, 'b'. A block with
// a wrong checksum hides its records; readers continue behind it (damaged.go). At
// the start, waiting deliveries in a hidden part of the index are restored from
// the summaries (mend.go). A folder that cannot be opened leaves the store without
// a database until the folder is replaced (broken.go). [SalvageTo] copies all
// readable records into a new folder, and [Check] reads a stopped folder and
// reports the faults in it.
//
// # Keys
//
// The first byte of a key is its kind, so each kind is one range. A destination
// or endpoint is the first 8 bytes of the SHA-256 of its name, an event the same
// of its event ID. Times are nanoseconds since 1970, big-endian in keys. In values
// a number is a varint and a text carries its length (record.go).
//
// The examples are of the message 01a1a0a3-0280-7000-9234-56789abcdef0, received on
// 3 November 2026 at 09:00 UTC. "ID" stands for the 16 bytes of that ID. The endpoint
// is "acme" (digest 822b33ad87c148a0), the destination "acme/app" (digest
// 5f89da0438fa1b17).
//
//	f                          format of the folder
//	  value    the text of the constant format
//	  written  by the first opening and by a salvage; never deleted
//	  example  f = "hookwicket queue 2"
//
//	m id                       a message
//	  value    queue.AppendMessage, sealed if there is a key
//	  written  by Accept; deleted with the last delivery
//	  example  m ID = 01 00000123 ID …
//
//	e endpoint id              summary of a message, for lists
//	  value    size, endpoint, event ID, event type, destinations (8 bytes each)
//	  written  by Accept, by Redeliver to a new destination, by a salvage;
//	           deleted with the message
//	  example  e 822b33ad87c148a0 ID = 1500 "acme" "evt_1" "invoice.paid" 5f89da0438fa1b17
//
//	i event id                 a message by its event ID
//	  value    none
//	  written  by Accept and by a salvage; deleted with the message
//	  example  i 7d4e5a76eae6d8c1 ID      (event ID "evt_1")
//
//	n destination              name of a destination
//	  value    the name
//	  written  with the first delivery, or by Pause; never deleted
//	  example  n 5f89da0438fa1b17 = "acme/app"
//
//	q destination due id       a waiting delivery without an order key
//	  value    size: the delivery's share of the message's bytes
//	  written  by Accept, Retry, Redeliver, mend; deleted when it is retried or ends
//	  example  q 5f89da0438fa1b17 18e47d5f54e5a000 ID = 1500
//
//	o destination order id     a waiting delivery with an order key
//	  value    due, size
//	  written  as q; Retry writes the same key again, so it is deleted by Delete
//	  example  o 5f89da0438fa1b17 3a7b432091f7d2bf ID = 1793696400000000000 1500
//
//	t id destination           standing of a delivery
//	  value    stage (1 byte), size, due, ended, redelivered, attempts, last attempt's
//	           number, 0 or 1 and the order (8 bytes), the last attempt if there is one
//	  written  by every change of a delivery, and by Accept where the ID does not
//	           imply its index key (order key, no route, receipt in the future);
//	           deleted with the message
//	  example  t ID 5f89da0438fa1b17 = 00 1500 1793696405000000000 0 0 1 1 00 …
//
//	z destination id           a dead letter
//	  value    size
//	  written  by Bury; deleted by Redeliver and Purge
//	  example  z 5f89da0438fa1b17 ID = 1500
//
//	h destination ended id     an ended delivery within its retention
//	  value    size
//	  written  by Done, Cancel, and Accept without a route; deleted by the sweep,
//	           Redeliver and Purge
//	  example  h 5f89da0438fa1b17 18e47d5f90806a00 ID = 1500
//
//	a id destination number    an attempt; number is 4 bytes
//	  value    number since the last redelivery, time, duration, status, failure,
//	           error and excerpt (both sealed if there is a key)
//	  written  by Done, Retry and Bury; the last 100 stay; deleted with the delivery
//	  example  a ID 5f89da0438fa1b17 00000001 = 1 1793696400120000000 80000000 503 "status" …
//
//	p destination              a paused destination
//	  value    time of the pause (8 bytes)
//	  written  by Pause; deleted when it is resumed
//	  example  p 5f89da0438fa1b17 = 18e47d5f54e5a000
//
//	g id                       a removed message
//	  value    time of the removal (8 bytes), reason (1 byte)
//	  written  with the removal; deleted as a range after 30 days, or earlier for space
//	  example  g ID = 18e4cbf3e634a000 01      (aged)
//
//	w                          lead of the due clock over the wall clock
//	  value    nanoseconds
//	  written  with a due time, when the lead has changed; never deleted
//	  example  w = 3600000000000
//
//	b key                      a damaged record, under its former key
//	  value    its former value; none for an unreadable message, which stays in place
//	  written  when the damage is met; never deleted
//	  example  b q 5f89da0438fa1b17 18e4 = 1500
//
//	k key                      a dedupe key (16 bytes)
//	  value    its expiry (8 bytes)
//	  written  by Accept and Mark, again when it is renewed; deleted by the sweep
//	           and ForgetKey
//	  example  k 00112233445566778899aabbccddeeff = 18e4cbf3e634a000
//
//	x expiry key               the same key by expiry, for the sweep
//	  value    none
//	  written  with k; deleted by the sweep and ForgetKey; a renewal leaves the
//	           old record to the sweep
//	  example  x 18e4cbf3e634a000 00112233445566778899aabbccddeeff
//
//	s endpoint secret          a learnt secret; both are digests of 16 bytes
//	  value    time (8 bytes, top bit set if sealed), the secret
//	  written  by Learn, and again under a new first key; deleted by Forget
//	  example  s 822b33ad87c148a0a20a5ba7cd5ebcaa d024c29ace6f1418b497d5f5f5a7c871 = 18e47d5f54e5a000 …
//
//	c key                      canary of an encryption key, by its name of 4 bytes
//	  value    a fixed word, sealed with that key
//	  written  when a key becomes the first one; never deleted
//	  example  c 1f2e3d4c = ffff 1f2e3d4c …
//
// # Memory
//
//	memory                                 bound
//	block cache, filters, memtables        72 MiB
//	messages between receipt and claim     16 MiB (flights.fresh); bodies from 1 MiB up are read from disk
//	claimed messages                       the concurrency of the workers; each message once
//	window of a destination                512 entries; more only while a scan runs
//	heads of lines                         one line of about 100 bytes for each order key with waiting deliveries
//	ages                                   40 bytes for each minute of receipt with waiting deliveries, by destination
//	destinations                           one lane for each name ever used in the folder
//	filter of dedupe keys                  1 MiB for the first million keys, 16 MiB for ten million; twice while it is rebuilt
//	stripes                                2 × 4,096 channels
//	commits on their way                   256 before Pebble, 1,024 before the disk
//	damage                                 one entry for each hole in the files
//
// # The order of locks
//
// A goroutine that holds a lock may take only locks further down this list. Locks
// on one level are never held together. A function whose name ends in Locked must
// be called with its receiver's lock held (for a claim or change: the lane's).
//
//	1  history.turn      one sweep of ended deliveries at a time. A channel of one.
//	   Store.pausing     one Pause at a time, so that memory follows the last commit.
//	   Store.secrets     one change of learnt secrets or of encryption keys at a time.
//	2  Store.locks       stripes by dedupe key: from the decision on a key until the
//	                     outcome of its commit.
//	   Store.parts       stripes by message ID: who removes or operates on deliveries of
//	                     a message.
//	3  write.mu          a caller that leaves against the outcome of its commit.
//	   flight.once       the first reader of a message. Held during a read of Pebble.
//	4  Store.lanesMu     the set of lanes, and a lane's name.
//	5  lane.mu           window, lines, busy claims, waiters and counts of one
//	                     destination, and the phase of its claims.
//	6  Pebble's own      taken by every call of Pebble, and held while it calls the fence,
//	                     the logger and the event listener.
//	7  fence.mu          read by every change of a file; written by close, which waits
//	                     for the changes under way.
//	8  disk.mu           the channel that is closed while a write waits for space.
//	   space.mu          the reserve and the free space. File operations that bypass the
//	                     fence run below it; no wait for space does.
//	9  Store.mu          closed, cause, opening, and the folder's lock.
//	   database.mu       broken and the count of users.
//	   flightShard.mu    the messages in memory whose ID ends alike.
//	   garbage.mu        the estimate of removed bytes.
//	   steady.mu         the due clock.
//	   damage.mu         the known damage.
//	   damagedTables.mu  the names of damaged tables.
//
// Rules that follow from it:
//
//   - Stripes are taken in ascending order, all at once; see stripes.lock and lockAll.
//     A goroutine holds stripes of Store.locks or of Store.parts, never of both.
//   - A claim is like a lock of one delivery, but it is never waited for: an operation
//     holds the message and gets ErrBusy. Therefore a mark may lock the message while
//     it holds the claim. It waits for 5 s at most, because the holder may be waiting
//     for a full disk.
//   - Indexes are read without lane.mu. One exception: operation.hold reads the
//     standing of one delivery below it.
//   - Code that Pebble calls (fence, logger, event listener, database.fail) takes
//     locks of the levels 7 to 9 alone. It starts goroutines for the rest.
//   - Level 9 is held for memory only: not for a file, a log line or a wait.
//   - database.use is a count and not a lock: it never blocks, so it may be taken
//     anywhere. abandon waits until the count is zero, and holds no lock meanwhile. A
//     user may therefore wait only for things that end when the database is dead: the
//     outcome of a commit, and stripes, whose holders wait for one. A goroutine that
//     writes to Pebble directly must not be waited for by a user; see Store.compact.
//
// Handovers by channel:
//
//   - database.queue and database.syncing carry a commit from its caller to apply and
//     from there to await. commit.result returns the outcome and has room for it, so
//     the pipeline never waits for a caller. finish runs on the caller's goroutine, or
//     on that of outlast. It takes locks of the levels 3 to 5 and releases those of the
//     levels 1 and 2.
//   - database.failing is closed at the first error. abandon then closes fence.shut (no
//     change of a file begins) and dead (no commit can become durable). It waits for
//     idle (no users) and closes fence.void, which releases the stopped goroutines.
//   - lane.waiters holds a channel for each waiting Claim. Whoever changes the lane
//     wakes one of them, and a woken one that leaves wakes the next.
//   - disk.filled is closed while a write waits for space, and replaced afterwards.
//   - sweeper.early and space.early wake a loop before its time.
//   - keyFilter.next is the right to load a filter, taken by compare-and-swap.
//   - Store.closing is closed by Close, which then waits for Store.background.
package pebble
