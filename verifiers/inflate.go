package verifiers

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"
)

// Limits on an unpacked body, since it is unpacked before its sender is known: a size,
// and a ratio above that of repetitive text and below that of a bomb.
const (
	maxInflated  = 10 << 20
	maxRatio     = 100
	inflatedFree = 64 << 10 // which a small body may become at any ratio
)

// inflate unpacks a packed body. From then on the unpacked bytes are the request's
// body.
func (in *reading) inflate(ctx context.Context) error {
	values := in.r.Header["Content-Encoding"]
	switch {
	case len(values) == 0 || values[0] == "" || strings.EqualFold(values[0], "identity"):
		return nil
	case len(values) > 1 || !strings.EqualFold(values[0], "gzip"):
		return refuse(MalformedBody, "its Content-Encoding is not gzip")
	}
	body, err := gunzip(ctx, in.r.Body, in.r.grow)
	if err != nil {
		return err
	}
	in.unpacked = *in.r
	in.unpacked.Body = body
	in.r, in.body = &in.unpacked, stringOf(body)
	return nil
}

// gunzip unpacks a body. It asks grow for each piece of memory before it allocates it,
// also for the pieces that a larger one replaces: they stay until the garbage collector
// runs.
func gunzip(ctx context.Context, packed []byte, grow func(n int) error) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, refuse(MalformedBody, "it is not gzip")
	}
	limit := min(max(maxInflated, 4*len(packed)), maxRatio*len(packed)+inflatedFree)
	var body []byte
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(body) == cap(body) {
			size := min(max(2*cap(body), 2*len(packed), 4<<10), limit+1)
			if err := grow(size); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := reader.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, refuse(BodyTooLarge, "it unpacks to more than %d bytes", limit)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, refuse(MalformedBody, "it is not gzip")
		}
	}
}
