package postgres

import (
	"context"
	"strconv"
	"strings"
)

// countCopies reads how many copies a commit has when it returns, by the settings of the database:
// its own disk, and the standbys that it waits for. Storage that replicates below the database
// is not seen.
func (s *Store) countCopies(ctx context.Context) error {
	var fsync, commit, names string
	err := s.pool.QueryRow(ctx, "select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names')").Scan(&fsync, &commit, &names)
	if err == nil {
		s.copies.Store(copies(fsync, commit, names))
	}
	return err
}

func copies(fsync, commit, names string) int64 {
	switch {
	case fsync != "on" || commit == "off":
		return 0
	case commit == "local" || commit == "remote_write": // remote_write: a standby has it in memory alone
		return 1
	}
	return 1 + standbys(names)
}

// standbys returns how many standbys synchronous_standby_names waits for: the number before the
// parenthesis, or one for a plain list.
func standbys(names string) int64 {
	names = strings.TrimSpace(names)
	if names == "" {
		return 0
	}
	before, _, list := strings.Cut(names, "(")
	if !list {
		return 1
	}
	words := strings.Fields(before) // ANY 1, FIRST 2, or 2
	if len(words) == 0 {
		return 1
	}
	n, err := strconv.ParseInt(words[len(words)-1], 10, 32)
	if err != nil {
		return 1
	}
	return n
}
