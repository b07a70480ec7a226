package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/hookwicket/hookwicket/refused"
	"github.com/hookwicket/hookwicket/verifiers"
)

// refusedHeader names the entry of a refused request in its answer, so that it can be
// found from the sender's own log. It names it in an event that was accepted after all.
const refusedHeader = headerPrefix + "Refused"

// Refused says how refused requests are kept for people: in memory, and on the disk only
// if that is asked for.
type Refused struct {
	// Off keeps none.
	Off bool `json:"off,omitempty"`
	// Size is how many bytes of memory they may take, and how many on the disk.
	// Default: 8 MiB.
	Size int64 `json:"size,omitempty"`
	// Age is how long they are kept. On the disk it can be twice as long. Default: 7 days.
	Age caddy.Duration `json:"age,omitempty"`
	// Disk also writes them to the disk, in the folder of the store, so that they outlive
	// the process. They are encrypted if the store is.
	Disk bool `json:"disk,omitempty"`
}

// settleRefused checks the line and returns the settings of the ring.
func (a *App) settleRefused() (refused.Settings, error) {
	s := refused.Settings{Size: refused.DefaultSize, Age: refused.DefaultAge}
	r := a.Refused
	if r == nil {
		return s, nil
	}
	switch s.Off = r.Off; {
	case r.Off && *r != (Refused{Off: true}):
		return s, errors.New("refused is off or has a size, not both")
	case r.Age < 0:
		return s, errors.New("refused: the age cannot be negative")
	case r.Size != 0 && (r.Size < refused.MinSize || r.Size > refused.MaxSize):
		return s, fmt.Errorf("refused: the size is at least %d KiB and at most %d GiB", refused.MinSize>>10, refused.MaxSize>>30)
	case r.Size != 0:
		s.Size = r.Size
	}
	if r.Age != 0 {
		s.Age = time.Duration(r.Age)
	}
	return s, nil
}

// refusedDisk says where the refused requests are written; nil: they are not.
func (a *App) refusedDisk() *refused.Disk {
	if a.Refused == nil || !a.Refused.Disk {
		return nil
	}
	if _, ok := a.store.(interface{ Folder() string }); !ok {
		warnOfWorkingDirectory(a.logger, a.refusedDir())
	}
	return &refused.Disk{Dir: a.refusedDir(), Keys: a.settings.Keys, Log: slog.New(zapslog.NewHandler(a.logger.Core()))}
}

// refusedDir is where refused requests are on the disk: in the folder of the store, if it
// has one.
func (a *App) refusedDir() string {
	folder := defaultFolder()
	if s, ok := a.store.(interface{ Folder() string }); ok {
		folder = s.Folder()
	}
	return filepath.Join(folder, "refused")
}

// keepRefused applies the settings of refused requests. It removes the files of an earlier
// configuration if this one keeps nothing on the disk.
func (s *shared) keepRefused(r *running) {
	s.refused.Configure(r.refused, time.Now())
	if r.refused.Disk == nil {
		if err := refused.Remove(r.refusedDir); err != nil {
			r.logger.Warn("refused requests that were kept on the disk cannot be removed", zap.Error(err))
		}
	}
}

// refusal is why a request is refused, or would be.
type refusal struct {
	reason, detail string
	status         int // of the answer; 0: it is let through
}

// capture keeps a copy of a refused request for people. Nothing is explained here, so
// that a flood costs little.
func (q *request) capture(why refusal) {
	h := q.endpoint
	if h.Refused == "off" || q.shared == nil || q.shared.refused.Off() {
		return
	}
	f, ring := q.facts, q.shared.refused
	arrival := refused.Arrival{
		Endpoint: h.Name, Reason: why.reason, Size: len(q.in.body),
		Known: q.in.client != nil && q.in.client.known(),
	}
	if !ring.Admit(arrival, f.receivedAt) {
		h.metrics.uncaptured.WithLabelValues().Inc()
		return
	}
	complete := why.reason != string(verifiers.BodyTooLarge) // only then the rest was not read
	e := &refused.Entry{
		Message: *q.message(), Original: originalURI(q.r), Reason: why.reason, Detail: why.detail, Status: why.status,
		Observed: why.status == 0, Client: f.network, Known: arrival.Known, Size: q.r.ContentLength,
	}
	m := &e.Message
	m.EventID, m.EventType, m.Timestamp, m.Signed = "", "", time.Time{}, "" // they need not be genuine
	m.Header = m.Header.Clone()
	e.Trim(complete)
	id, kept := ring.Put(e)
	if !kept {
		h.metrics.uncaptured.WithLabelValues().Inc()
		return
	}
	f.refusedID = id.String()
	if why.status != 0 {
		q.w.Header().Set(refusedHeader, f.refusedID)
	}
}
