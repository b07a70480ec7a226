// Package record is the format of a store's records: their keys and their values. Package
// [github.com/hookwicket/hookwicket/queue/seal] encrypts values. It has no state, and reads nothing.
//
// Start with the kinds in keys.go. A key is built by the function of its kind, such as
// [DedupeKey], and taken apart by another, such as [SplitDedupe]. A value is appended
// by a function or method whose name begins with Append, and read by one whose name
// begins with Decode. What does not decode gives an error that wraps [ErrDamaged].
//
// # A delivery
//
// A delivery has one entry in the index (index.go). Its place there follows from its state:
// the part of the index, the destination, a number to sort by, and the message's ID. The
// state itself is the record 't'. A delivery that only waits since its receipt has no
// such record, since its entry says the same.
//
// An event with an ID and two dedupe keys is six records when it is accepted: m, e, i, q
// and twice k. Its delivery at the first attempt deletes q and writes h and t. Its removal
// after the retention deletes m, e, i, h and t, and writes g.
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
//	  example  f = "hookwicket queue 5"
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
//	l destination              the name once more, in a table of its own
//	  value    as n
//	  written  with n; never deleted
//	  example  l 5f89da0438fa1b17 = "acme/app"
//
//	q destination due id       index: a waiting delivery without an order key
//	  value    size: the delivery's share of the message's bytes
//	  written  by Accept, Retry, Redeliver, mend; deleted when it is retried or ends
//	  example  q 5f89da0438fa1b17 18e47d5f54e5a000 ID = 1500
//
//	o destination order id     index: a waiting delivery with an order key
//	  value    size, due
//	  written  as q; Retry writes the same key again, so it is deleted by Delete
//	  example  o 5f89da0438fa1b17 3a7b432091f7d2bf ID = 1500 1793696400000000000
//
//	z destination 0 id         index: a dead letter
//	  value    size
//	  written  by Bury; deleted by Redeliver and Purge
//	  example  z 5f89da0438fa1b17 0000000000000000 ID = 1500
//
//	h destination ended id     index: an ended delivery within its retention
//	  value    size
//	  written  by Done, Cancel, and Accept without a route; deleted by the sweep,
//	           Redeliver and Purge
//	  example  h 5f89da0438fa1b17 18e47d5f90806a00 ID = 1500
//
//	t id destination           state of a delivery
//	  value    stage (1 byte), size, due, ended, redelivered, attempts, number of the last
//	           attempt, 0 or 1 and the order (8 bytes), the last attempt if there is one, as
//	           in a
//	  written  by every change of a delivery, and by Accept where the ID does not
//	           imply its index key (order key, no route, receipt in the future);
//	           deleted with the message
//	  example  t ID 5f89da0438fa1b17 = 00 1500 1793696405000000000 0 0 1 1 00 …
//
//	a id destination number    an attempt before the last one; number is 4 bytes
//	  value    number since the last redelivery, time, duration, status, failure,
//	           error and excerpt (both sealed if there is a key)
//	  written  by the next Done, Retry or Bury; of all attempts the last 100 stay; deleted
//	           with the delivery
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
//	k end key                  a dedupe key (16 bytes), in the bucket that is over at end
//	  value    its expiry (8 bytes), not later than end
//	  written  by Accept and Take, and in a later bucket when it is renewed; deleted as a
//	           range with its bucket, or by ForgetKey
//	  example  k 18e4cc0000000000 00112233445566778899aabbccddeeff = 18e4cbf3e634a000
//
//	s endpoint secret          a learnt secret; both are digests of 16 bytes
//	  value    time (8 bytes, top bit set if sealed), endpoint, the secret
//	  written  by Learn, and again under a new first key; deleted by Forget
//	  example  s 822b33ad87c148a0a20a5ba7cd5ebcaa d024c29ace6f1418b497d5f5f5a7c871 = 18e47d5f54e5a000 "acme" …
//
//	c key                      canary of an encryption key, by its name of 4 bytes
//	  value    a fixed word, sealed with that key
//	  written  when a key becomes the first one; never deleted
//	  example  c 1f2e3d4c = ffff 1f2e3d4c …
package record
