package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookwicket/hookwicket/internal/pgtest"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/postgres"
)

// TestAnswerSealed: an answer on its way to another node is sealed, and it is removed although its
// sender has left.
func TestAnswerSealed(t *testing.T) {
	schema := pgtest.Schema(t)
	a, b := node(t, schema, "a", sealed(1)), node(t, schema, "b", sealed(1))
	const text = "an answer of the app"
	for _, s := range []*postgres.Store{a, b} {
		s.AttemptFor(func(c queue.Claim, answer func([]byte)) {
			go func() {
				if err := c.Done(queue.Attempt{}); errors.Is(err, queue.ErrUnavailable) {
					return // the test is over
				} else if err != nil {
					t.Error(err)
				}
				answer([]byte(text))
			}()
		})
	}
	db, err := pgx.Connect(t.Context(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	left, cancel := context.WithCancel(t.Context())
	cancel()
	ask := func(ctx context.Context) (answer []byte, asked bool) {
		t.Helper()
		for _, s := range []*postgres.Store{a, b} {
			m := &queue.Message{ReceivedAt: time.Now(), Endpoint: "e", Method: "POST", Body: []byte("body")}
			accepted, err := s.Accept(t.Context(), m, queue.Identity{}, queue.Route{Destination: queue.Destination{Endpoint: "e"}, Hold: true})
			switch {
			case err != nil:
				t.Fatal(err)
			case accepted.Answer != nil:
				answer, asked = accepted.Answer(ctx), true
			case accepted.Held != nil:
				if err := accepted.Held.Done(queue.Attempt{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		return answer, asked
	}
	var record []byte
	until(t, "an answer nobody waits for", func() bool {
		if _, asked := ask(left); !asked {
			return false
		}
		err := db.QueryRow(t.Context(), "select record from "+schema+".answer where record is not null limit 1").Scan(&record)
		return err == nil
	})
	if len(record) <= len(text) || bytes.Contains(record, []byte(text)) || bytes.Contains(record, []byte("answer")) {
		t.Errorf("in the database is %q", record)
	}
	until(t, "an answer that arrives", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, _ := ask(ctx)
		if answer != nil && string(answer) != text {
			t.Fatalf("answered %q", answer)
		}
		return answer != nil
	})
	until(t, "the answers of before are removed", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ask(ctx)
		var n int
		if err := db.QueryRow(t.Context(), "select count(*) from "+schema+".answer").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}
