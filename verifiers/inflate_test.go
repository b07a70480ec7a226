package verifiers

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
)

func zipped(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The memory for an inflated body is asked for before it is taken, and an error
// of who counts it is no reason to blame the sender.
func TestInflateAsks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	full := errors.New("memory is full")
	v := mustVerifier(t, HMAC{Signature: Signature{Names: []string{"S"}}, Content: "{body}", Facts: Facts{Inflate: true}}, "s")
	for _, size := range []int{0, 1, 5 << 10, 1 << 20, 4 << 20} {
		text := make([]byte, size)
		for i := range text {
			text[i] = "0123456789abcdef"[random.IntN(16)]
		}
		r := &Request{Method: "POST", Body: zipped(t, text), Header: http.Header{"Content-Encoding": {"gzip"}, "S": {"00"}}}
		limit, asked := int64(1<<40), int64(0)
		r.Grow = func(n int64) error {
			if asked += n; asked > limit {
				return full
			}
			return nil
		}
		_, err := v.Verify(context.Background(), r)
		if want := int64(size); asked < want || asked > 8<<10+int64(4*len(r.Body))+4*want {
			t.Errorf("%d bytes: asked for %d, %v", size, asked, err)
		}
		limit, asked = 4<<10-1, 0
		if _, err := v.Verify(context.Background(), r); err != full {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
