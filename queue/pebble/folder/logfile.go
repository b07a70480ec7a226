package folder

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
)

// Pebble's logs, the write-ahead logs and the MANIFEST alike, are made of chunks in
// blocks of 32 KiB, after LevelDB's format:
//
//	checksum (4) length (2) encoding (1) [log number (4) [synced offset (8)]] payload
//
// The encodings 1 to 4 are a whole record and the first, a middle and the last part
// of one; 5 to 8 are the same with the log's number; 9 to 12 with both additions.
// Pebble's own reader stops at the first chunk that is not sound. This one goes on
// behind it.

const (
	logBlock    = 32 << 10
	chunkHeader = 7
)

// chunk is a sound chunk of a log.
type chunk struct {
	first, last bool // of a record
	payload     []byte
	size        int
	synced      int64 // all before this offset was durable when the chunk was written
}

// readChunk reads the chunk at the start of the rest of a block.
func readChunk(b []byte, log uint32) (c chunk, ok bool) {
	if len(b) < chunkHeader || b[6] < 1 || b[6] > 12 {
		return c, false
	}
	encoding, head := b[6]-1, chunkHeader
	switch encoding / 4 {
	case 1:
		head += 4
	case 2:
		head += 4 + 8
	}
	c.size = head + int(binary.LittleEndian.Uint16(b[4:]))
	if c.size > len(b) || head > chunkHeader && binary.LittleEndian.Uint32(b[7:]) != log ||
		binary.LittleEndian.Uint32(b) != maskedCRC(b[6:c.size]) {
		return c, false
	}
	c.synced = math.MaxInt64 // the MANIFEST is synced with each record
	switch {
	case head == chunkHeader+4:
		c.synced = 0 // it does not say
	case head > chunkHeader:
		c.synced = int64(binary.LittleEndian.Uint64(b[11:]))
	}
	c.first, c.last = encoding%4 <= 1, encoding%4 == 0 || encoding%4 == 3
	c.payload = b[head:c.size]
	return c, true
}

// ReadLog calls f for each record of a log that is whole. It returns the offsets of
// the places that are damaged: a sound chunk behind each says that it was durable. The
// end of a log that was never durable is none, whatever a crash has left of it. torn
// is where such an end begins; -1: the log ends as it should.
func ReadLog(content []byte, log uint32, f func(stored []byte)) (damaged []int64, torn int64) {
	var (
		stored []byte
		inside bool
		broken = int64(-1) // since the last sound chunk
	)
	breakAt := func(at int) {
		inside = false
		if broken < 0 {
			broken = int64(at)
		}
	}
	for start := 0; start < len(content); start += logBlock {
		block := content[start:min(start+logBlock, len(content))]
		for at := 0; at+chunkHeader <= len(block); {
			c, ok := readChunk(block[at:], log)
			if !ok && broken < 0 && isTrailer(block[at:], log) {
				return damaged, -1
			}
			if !ok {
				if len(bytes.TrimLeft(block[at:], "\x00")) == 0 {
					if len(block)-at >= chunkHeader+4+8 {
						breakAt(start + at) // a writer leaves less than that at a block's end
					}
					break
				}
				breakAt(start + at)
				at++
				continue
			}
			at += c.size
			if broken >= 0 && c.synced > broken {
				damaged, broken = append(damaged, broken), -1
			}
			switch {
			case c.first:
				stored, inside = append(stored[:0], c.payload...), true
			case inside:
				stored = append(stored, c.payload...)
			}
			if c.last && inside {
				inside = false
				f(stored)
			}
		}
	}
	if inside && broken < 0 {
		broken = int64(len(content))
	}
	return damaged, broken
}

// isTrailer reports whether a log was closed here: an empty chunk of the log that
// follows stands at its end.
func isTrailer(b []byte, log uint32) bool {
	return len(b) >= chunkHeader+4 && binary.LittleEndian.Uint16(b[4:]) == 0 && b[6] > 4 && b[6] <= 12 &&
		binary.LittleEndian.Uint32(b[7:]) == log+1
}

// LogEntry is a record that a batch in a log writes or deletes.
type LogEntry struct {
	Kind       pebble.InternalKeyKind
	Seq        uint64
	Key, Value []byte
}

// ReadBatch calls f for the entries of a batch. The entries are valid until the
// batch changes.
func ReadBatch(batch []byte, f func(LogEntry)) (whole bool) {
	h, ok := batchrepr.ReadHeader(batch)
	if !ok {
		return false
	}
	seq := uint64(h.SeqNum)
	for r := batchrepr.Read(batch); ; {
		kind, key, value, ok, err := r.Next()
		if err != nil || !ok {
			return err == nil
		}
		if kind == pebble.InternalKeyKindLogData { // it takes no number
			continue
		}
		f(LogEntry{kind, seq, key, value})
		seq++
	}
}
