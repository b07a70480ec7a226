package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/hookwicket/hookwicket/queue/pebble/folder"
)

// Database is one opened Pebble. After a failed write the engine abandons it and
// opens a fresh one on the same files.
//
// All writes in service go through two goroutines. apply hands batches to
// Pebble one after another without waiting for the disk. await waits for the disk
// and wakes the callers. Therefore a caller is never inside Pebble and can leave when
// its context ends, even if the disk hangs. Nothing is lost in speed, because one
// sync of Pebble serves all batches that it was given before.
//
// Invariants:
//
//   - users counts the callers between Use and Leave. Only a database without users
//     is closed, so a user may read without looking at its state again.
//   - Every commit gets exactly one result, or dead is closed.
//   - Once failing is closed nothing read from the database may be acknowledged: a
//     visible record need not be durable.
type Database struct {
	*pebble.DB
	dir      string
	fence    *fence
	stall    time.Duration // how long a commit still waits once the disk is full
	damage   *folder.Damage
	lostLogs int
	fail     func(error) // reports the first error to the engine, which starts the repair

	queue   chan *commit
	syncing chan *commit
	failing chan struct{} // closed at the first error that the database cannot survive
	cause   error         // that error; set before failing is closed
	dead    chan struct{} // closed when no commit can become durable any more
	loops   sync.WaitGroup
	closed  context.Context // ends when Pebble is closed; over ends it
	over    context.CancelFunc

	trailing atomic.Bool // a trailer is on its way to the disk

	mu     sync.Mutex
	broken bool
	users  int
	idle   chan struct{} // closed when broken and the last user has left

	compaction *request // the last one that was begun; see compact.go
	stay       stay     // of the goroutine of compaction
}

// commit is a batch on its way through the pipeline.
type commit struct {
	batch  *pebble.Batch
	sync   bool
	result chan error  // gets exactly one value; has room for it, so no sender waits
	finish func(error) // nil: it is a trailer, which has no caller
}

const queueLength = 256

// openDatabase opens the folder. report is called at most once, from any
// goroutine, with the first error after which the database must not be used.
func openDatabase(o Options, cache *pebble.Cache, files *fence, report func(*Database, error)) (*Database, error) {
	db := &Database{
		dir:     o.Dir,
		fence:   files,
		stall:   o.StallLimit,
		queue:   make(chan *commit, queueLength),
		syncing: make(chan *commit, 4*queueLength),
		failing: make(chan struct{}),
		dead:    make(chan struct{}),
		idle:    make(chan struct{}),
	}
	db.stay.db = db
	db.closed, db.over = context.WithCancel(context.Background())
	var failed atomic.Bool
	db.fail = func(err error) {
		if failed.CompareAndSwap(false, true) {
			if gone := files.home.missing(); gone != nil {
				err = gone
			}
			db.cause = err
			close(db.failing)
			report(db, err)
		}
	}
	files.fail.Store(&db.fail)
	opened := make(chan error, 1)
	cache.Ref()
	go func() {
		defer cache.Unref()
		opened <- folder.Guarded(func() (err error) {
			db.DB, err = pebble.Open(o.Dir, db.options(o, cache))
			return err
		})
	}()
	var err error
	select {
	case err = <-opened:
		opened <- err
	case <-db.failing: // Open hangs: the fence has stopped one of its goroutines
		err = db.cause
	case <-files.shut:
		err = ErrGivenUp
	}
	if err != nil {
		files.close()
		files.vanish()
		go func() {
			if <-opened == nil {
				_ = folder.Guarded(db.DB.Close)
			}
		}()
		return nil, err
	}
	files.serving.Store(true)
	files.tables.RestUntil(db.dead)
	db.loops.Go(db.apply)
	db.loops.Go(db.await)
	return db, nil
}

func (db *Database) options(o Options, cache *pebble.Cache) *pebble.Options {
	sizes := db.fence.disk.space.current()
	po := &pebble.Options{
		FS:                 db.fence,
		Cache:              cache,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             logger{db, o},
		// Small enough that three fit into the promised memory, and large enough that a
		// record which is soon deleted is never written to a table.
		MemTableSize:                o.memTableOf(sizes),
		MemTableStopWritesThreshold: memTables,
		MaxOpenFiles:                500,
		// The file system writes steadily, and a sync finds less to do.
		BytesPerSync: 1 << 20,
		// Most data is read in order and soon deleted, so it is rewritten seldom.
		L0CompactionThreshold:      8,
		LBaseMaxBytes:              256 << 20,
		L0StopWritesThreshold:      1000,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		// With small files a compaction needs little space besides what it frees.
		MaxManifestFileSize: sizes.manifest,
	}
	po.TargetFileSizes[0] = sizes.table
	po.Experimental.SpanPolicyFunc = tableOf
	if sizes.memTable < maxMemTable {
		po.Cleaner = cleaner{} // old logs kept for reuse would take the space of four memtables
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		po.Levels[i].BlockSize = o.BlockSize
		po.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	po.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			// A damaged file cannot be compacted, but the rest of it can be read. An error
			// for want of space comes from a compaction, which Pebble repeats.
			if !errors.Is(err, pebble.ErrCancelledCompaction) && !folder.IsCorruption(err) && !folder.NoSpace(err) {
				db.fail(err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) { db.corrupt(o.Logger, info) },
	}
	return po
}

// tableOf ends a table with the last key that begins with the same byte. Each kind of record
// has tables of its own therefore: those of messages, which come in the order of their keys,
// are seldom rewritten.
func tableOf(first []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if len(first) > 0 && first[0] < 0xff {
		end = []byte{first[0] + 1}
	}
	return policy, end, nil
}

// cleaner deletes old files. Pebble keeps old logs for reuse unless the cleaner is
// one that archives, which the embedded marker says. Clean and String are those of
// DeleteCleaner, because it is embedded less deep.
type cleaner struct {
	pebble.DeleteCleaner
	archives
}

type archives struct{ pebble.ArchiveCleaner }

// corrupt is called for each damaged block, on the goroutine that reads it.
func (db *Database) corrupt(log *slog.Logger, info pebble.DataCorruptionInfo) {
	if db.fence.tables.Add(info.Path) {
		log.Error("a file of the queue is damaged; what can be read goes on. "+folder.SalvageHint, "file", info.Path, "details", info.Details)
	}
}

// HasFailed reports whether the database has met an error that it cannot survive.
// Nothing that was read from it may be acknowledged then: it need not be durable.
func (db *Database) HasFailed() bool {
	select {
	case <-db.failing:
		return true
	default:
		return false
	}
}

// Failing returns a channel that is closed when the database fails; see HasFailed.
func (db *Database) Failing() <-chan struct{} { return db.failing }

// Failure returns the error that ended the database.
func (db *Database) Failure() error {
	if db.HasFailed() {
		return db.cause
	}
	return ErrGivenUp
}

// Use keeps the database open until the matching Leave. It returns false once the
// database is retired. A user may only wait for things that end when dead is closed;
// see the order of locks in doc.go.
func (db *Database) Use() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.broken {
		return false
	}
	db.users++
	return true
}

// Leave ends a use.
func (db *Database) Leave() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.users--; db.broken && db.users == 0 {
		close(db.idle)
	}
}

// retire refuses new users.
func (db *Database) retire() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.broken {
		return
	}
	db.broken = true
	if db.users == 0 {
		close(db.idle)
	}
}

// Commit writes a batch. With sync it waits until the batch is durable, otherwise
// until it is visible.
//
// finish is called exactly once with the result. A caller that stops waiting does
// not know whether the batch was written, so its locks and counts are released in
// finish and not when Commit returns.
//
// The caller uses the database; Commit calls Leave after finish.
func (db *Database) Commit(ctx context.Context, batch *pebble.Batch, sync bool, finish func(error)) error {
	c := &commit{batch: batch, sync: sync, result: make(chan error, 1), finish: finish}
	whenFull := db.fence.disk.whenFull()
	select {
	case db.queue <- c:
	default:
		select {
		case db.queue <- c:
		case <-ctx.Done():
			return db.finish(c, context.Cause(ctx))
		case <-whenFull:
			return db.finish(c, ErrDiskFull)
		case <-db.dead:
			return db.finish(c, db.Failure())
		}
	}
	var limit <-chan time.Time
	for {
		select {
		case err := <-c.result:
			return db.finish(c, err)
		case <-db.dead:
			return db.finish(c, db.lastWord(c))
		case <-whenFull:
			// The write under way may still find space: wait a little longer.
			whenFull = nil
			timer := time.NewTimer(db.stall)
			defer timer.Stop()
			limit = timer.C
			continue
		case <-limit:
			go db.outlast(c)
			return Unavailable(ErrDiskFull)
		case <-ctx.Done():
			go db.outlast(c)
			return Unavailable(context.Cause(ctx))
		}
	}
}

// outlast finishes a commit that its caller no longer waits for.
func (db *Database) outlast(c *commit) {
	select {
	case err := <-c.result:
		_ = db.finish(c, err)
	case <-db.dead:
		_ = db.finish(c, db.lastWord(c))
	}
}

// lastWord returns the result of a commit whose database is dead. The result may
// have arrived before that.
func (db *Database) lastWord(c *commit) error {
	select {
	case err := <-c.result:
		return err
	default:
		return db.Failure()
	}
}

func (db *Database) finish(c *commit, err error) error {
	defer db.Leave()
	if err == nil {
		_ = c.batch.Close()
	} else {
		err = Unavailable(err)
	}
	c.finish(err)
	return err
}

// notesLag bounds how long an unsynced write stays in the process. Pebble passes it to
// the file when a block of 32 KiB is full or at the next sync. Without this bound, a
// crash while no synced commit comes would lose all writes since the last one.
const notesLag = 50 * time.Millisecond

// apply is the goroutine that hands batches to Pebble.
func (db *Database) apply() {
	var due <-chan time.Time // nil: no unsynced write is in the process
	for {
		var c *commit
		select {
		case <-db.dead:
			return
		case c = <-db.queue:
		case <-due:
			if db.trailing.Load() { // the trailer before is not on the disk yet
				due = time.After(notesLag)
				continue
			}
			c = db.trailer()
		}
		switch {
		case c.sync:
			due = nil
		case due == nil:
			due = time.After(notesLag)
		}
		err := folder.Guarded(func() error {
			if c.sync {
				return db.ApplyNoSyncWait(c.batch, pebble.Sync)
			}
			return db.Apply(c.batch, pebble.NoSync)
		})
		switch {
		case err != nil:
			c.result <- err
			db.fail(err)
		case c.sync:
			select {
			case db.syncing <- c:
			case <-db.dead:
			}
		default:
			c.result <- nil
		}
	}
}

// trailer is an empty commit without a caller. Its sync takes the unsynced
// writes before it to the disk.
func (db *Database) trailer() *commit {
	db.trailing.Store(true)
	c := &commit{batch: db.NewBatch(), sync: true, result: make(chan error, 1)}
	_ = c.batch.LogData(nil, nil) // an empty batch would not be written
	return c
}

// await is the goroutine that waits for the disk.
func (db *Database) await() {
	for {
		select {
		case <-db.dead:
			return
		case c := <-db.syncing:
			err := c.batch.SyncWait()
			c.result <- err
			if c.finish == nil {
				_ = c.batch.Close()
				db.trailing.Store(false)
			}
			if err != nil {
				db.fail(err)
			}
		}
	}
}

// Direct runs f, which writes to Pebble past the pipeline. The caller is a user of the
// database and must not wait for such a write: after a failed one, f hangs in the fence
// until the database has no users. Therefore Direct returns early if the database
// fails or the disk is full, and f may end later.
func (db *Database) Direct(f func() error) error {
	full := db.fence.disk.whenFull()
	done := make(chan error, 1)
	db.loops.Go(func() { done <- folder.Guarded(f) })
	select {
	case err := <-done:
		return err
	case <-full:
		return Unavailable(ErrDiskFull)
	case <-db.failing:
	case <-db.dead:
	}
	return Unavailable(db.Failure())
}

// close ends the database. No user is left, and dead is closed.
func (db *Database) close() error {
	db.loops.Wait()
	defer db.over()
	return folder.Guarded(db.DB.Close)
}

// logger receives Pebble's messages. Its information is dropped.
type logger struct {
	db *Database
	o  Options
}

func (l logger) Infof(format string, args ...any) {}

func (l logger) Errorf(format string, args ...any) {
	if !l.db.fence.isShut() {
		l.o.Logger.Warn("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Fatalf must not return, as Pebble relies on that, and must not end the process. It
// ends the work of the goroutine instead:
//
//   - below folder.Guarded by a panic, which Guarded turns into an error;
//   - on a goroutine of Pebble by its end, once nobody uses the database any more.
//
// The fence stops failed writes before they reach this.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.db.fail(err)
	if folder.OnGuarded() {
		panic(err)
	}
	<-l.db.fence.void
	runtime.Goexit()
}
