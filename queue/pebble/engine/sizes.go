package engine

// sizes are the engine's shares of its disk, in bytes. Each share has a lower limit for
// the smallest disks and an upper limit, so that a large disk loses little.
type sizes struct {
	part     int64 // each of the three files of the reserve
	margin   int64 // free space beside the reserve below which new data is refused
	memTable uint64
	table    int64 // a file of level 0; Pebble doubles it for each level below
	manifest int64
}

// Defaults for a disk of unknown size. They are also the upper limits.
const (
	maxMemTable = 4 << 20
	maxTable    = 2 << 20
	maxPart     = 64 << 20
	maxManifest = 128 << 20
)

// minCapacity is the smallest disk for which shares are computed.
const minCapacity = 4 << 20

func sizesOf(capacity int64) sizes {
	return sizes{
		part:     share(capacity, 12, 256<<10, maxPart),
		margin:   share(capacity, 16, 256<<10, maxPart),
		memTable: uint64(share(capacity, 48, 128<<10, maxMemTable)),
		table:    share(capacity, 384, 32<<10, maxTable),
		manifest: share(capacity, 64, 128<<10, maxManifest),
	}
}

func share(capacity, part, least, most int64) int64 { return min(max(capacity/part, least), most) }

// slowPart limits the parts on a file system without preallocation. There they are
// written out at each start, which takes time.
const slowPart = 16 << 20

func (s *space) sizesOf(capacity int64) sizes {
	z := sizesOf(capacity)
	if !s.preallocates() {
		z.part = min(z.part, slowPart)
	}
	return z
}

// Share returns a part of the disk's size in bytes, within two limits: the size divided
// by part, but at least least and at most most. It is most if the size is unknown.
func (e *Engine) Share(part, least, most int64) int64 {
	capacity := e.space.shared.Load()
	if capacity == 0 {
		return most
	}
	return share(capacity, part, least, most)
}
