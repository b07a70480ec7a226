// Package engine owns one Pebble on a folder. It opens it, writes to it, closes it, and
// keeps the data safe while the disk is full or broken, or the folder is away.
//
// Start with [Engine] and [Hooks] (engine.go). The engine does not interpret the records
// in the database. Their owner gives it four hooks: to read a newly opened database
// (Load), to hear of its beginning and end (Opened, Lost), and to answer whether the
// folder contains data that must not be given up (Waiting).
//
// [Database] (database.go) is one opened Pebble with its commit pipeline. fence
// (fence.go) is its file system.
//
// # The life of a database
//
// Opening. [Engine.Open] takes the folder's lock. beforeOpen refuses files that Pebble
// would open and take data out of. Pebble replays its log. Hooks.Load reads the records,
// and the function that it returns makes them visible. Then the database is the current one, and
// Hooks.Opened is called.
//
// Use. [Engine.Enter] returns the current database and counts its user.
//
// Commit. [Database.Commit] hands a batch to the pipeline. The goroutine apply hands
// batches to Pebble one after another without waiting for the disk. The goroutine
// await waits for the disk and wakes the callers, so concurrent commits share their
// syncs. A caller can leave earlier when its context ends; outlast then handles the
// result. A commit without sync reaches the file within 50 ms, or with the next synced
// commit.
//
// Failure. A failed write ends the database and not the engine. The fence stops the
// write. abandon calls Hooks.Lost, shuts the fence and waits for the users. Then
// Engine.repair opens a new Pebble on the same files. Until it is open, Enter returns
// [queue.ErrUnavailable].
//
// Closing. [Engine.Close] waits for the background goroutines and the users, and closes
// Pebble. A list of the files lets the next start notice lost ones.
//
// # The folder is gone
//
// After each sync the fence looks whether the path still leads to the folder (home.go).
// Otherwise the sync does not count, and the database ends as after a failed write.
// Engine.awaitHome waits for the folder before another database is opened.
//
// # Full disk
//
// A write without space is not an error for Pebble: the fence gives back a part
// of the reserve and writes again, or waits until there is space. The reserve
// has three files (space.go). After the first is used, [Engine.Refuses] is true. After
// the second is used, [Engine.Scarce] is true as well. The third is for opening.
// Meanwhile the owner removes data ([Engine.Lack]) and compacts ([Engine.Compact]). A
// compaction is the only writer that gets ENOSPC.
//
// # Damage
//
// A block with a wrong checksum hides its records; [Database.Walk] continues behind it.
// A folder that cannot be opened leaves the engine without a database until the folder
// is replaced (broken.go). Meanwhile the engine gives the folder's lock back, so that
// the folder can be checked and salvaged.
//
// # Files
//
//	engine.go, options.go       Engine, its hooks and its errors
//	opening.go, closing.go      a database is opened, replaced and closed
//	broken.go                   folders with damaged files
//	home.go, unlinked_*.go      a folder that is gone
//	database.go                 commits on their way to the disk
//	fence.go                    the file system of one database
//	yielding.go                 how it writes the files of compactions
//	space.go, reserve.go        which writes the space allows, and the reserve
//	sizes.go                    shares of the disk
//	compact.go, damage.go       compactions on a full disk, damaged blocks
//
// # The order of locks
//
// A goroutine that holds a lock may take only locks further down this list. Locks
// on one level are never held together. A function whose name ends in Locked must
// be called with its receiver's lock held. The owner's locks come first: the engine
// holds none while it calls a hook.
//
//	1  Pebble's own          taken by every call of Pebble, and held while it calls the fence,
//	                         the logger and the event listener.
//	2  fence.mu              read by every change of a file; written by close, which waits
//	                         for the changes under way.
//	3  disk.mu               the channel that is closed while a write waits for space.
//	   space.mu              the reserve and the free space. File operations that bypass the
//	                         fence run below it; no wait for space does.
//	4  Engine.mu             closed, cause, opening, and the home with the folder's lock.
//	   Database.mu           broken and the count of users.
//	   folder.Damage         the known damage.
//	   folder.Tables         the names of damaged tables.
//
// Rules that follow from it:
//
//   - Code that Pebble calls (fence, logger, event listener, Database.fail) takes
//     locks of the levels 2 to 4 alone. It starts goroutines for the rest.
//   - Level 4 is held for memory only: not for a file, a log line or a wait.
//   - Database.Use is a count and not a lock: it never blocks, so it may be taken
//     anywhere. abandon waits until the count is zero, and holds no lock meanwhile. A
//     user may therefore wait only for things that end when the database is dead: the
//     result of a commit, and locks whose holders wait for one. A goroutine that
//     writes to Pebble directly must not be waited for by a user; see Database.Direct.
//
// Handovers by channel:
//
//   - Database.queue and Database.syncing carry a commit from its caller to apply and
//     from there to await. commit.result returns the result and has room for it, so
//     the pipeline never waits for a caller. finish runs on the caller's goroutine, or
//     on that of outlast.
//   - Database.failing is closed at the first error. abandon then closes fence.shut (no
//     change of a file begins) and dead (no commit can become durable). It waits for
//     idle (no users) and closes fence.void, which releases the stopped goroutines.
//   - disk.filled is closed while a write waits for space, and replaced afterwards.
//   - space.early wakes spaceLoop before its time.
//   - Engine.running ends at Close, which then waits for Engine.background.
package engine
