package verifiers

import "context"

// Claims reads what a request says of its event, for a request that was refused:
// nobody vouches for it, so it may be shown and sorted by, and no more. Where the
// scheme or the request does not tell, it is empty.
func Claims(scheme Scheme, r *Request) (id, eventType string) {
	s, ok := scheme.(interface {
		claims(r *Request) (id, eventType string)
	})
	if !ok {
		return "", ""
	}
	if h, ok := scheme.(HMAC); ok {
		for _, start := range h.Variants {
			if id, eventType = h.Facts.variant(start).claims(r); id != "" || eventType != "" {
				break
			}
		}
		if len(h.Variants) > 0 {
			return id, eventType
		}
	}
	return s.claims(r)
}

// claims belongs to every scheme that embeds the facts.
func (f Facts) claims(r *Request) (id, eventType string) {
	c, err := f.compile()
	if err != nil {
		return "", ""
	}
	var in reading
	in.start(r)
	defer in.stop()
	in.strict = true
	if c.open(context.Background(), &in) != nil {
		return "", ""
	}
	var ev Event
	if c.readRest(&in, &ev) != nil {
		return "", ""
	}
	return ev.ID, ev.Type
}
