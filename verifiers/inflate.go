package verifiers

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// Limits on what a packed body may become, since it is unpacked before anybody
// is known to have sent it: a size, and a ratio that text with many repetitions
// stays below and a bomb does not.
const (
	maxInflated  = 10 << 20
	maxRatio     = 100
	inflatedFree = 64 << 10 // which a small body may become at any ratio
)

// inflate unpacks a body that came packed. From then on the unpacked bytes are
// the request's body.
func (in *reading) inflate() error {
	values := in.r.Header["Content-Encoding"]
	switch {
	case len(values) == 0 || values[0] == "" || strings.EqualFold(values[0], "identity"):
		return nil
	case len(values) > 1 || !strings.EqualFold(values[0], "gzip"):
		return refuse(MalformedBody, "its Content-Encoding is not gzip")
	}
	body, err := gunzip(in.r.Body)
	if err != nil {
		return err
	}
	in.unpacked = *in.r
	in.unpacked.Body = body
	in.r, in.body = &in.unpacked, stringOf(body)
	return nil
}

func gunzip(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, refuse(MalformedBody, "it is not gzip")
	}
	limit := min(max(maxInflated, 4*len(packed)), maxRatio*len(packed)+inflatedFree)
	body, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	switch {
	case err != nil:
		return nil, refuse(MalformedBody, "it is not gzip")
	case len(body) > limit:
		return nil, refuse(BodyTooLarge, "it unpacks to more than %d bytes", limit)
	}
	return body, nil
}
