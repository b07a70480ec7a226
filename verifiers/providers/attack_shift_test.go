package providers_test

import (
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestAttackShift moves signed bytes from one part of the request to its
// neighbour in the signed content, so that the content stays as it was: digits
// from the time to the body, the beginning of the body into the URL's query. The
// signature fits; the app gets another event or another time.
//
// Where the URL stands before a JSON body, with nothing between them, the rest
// of the body is no JSON, and no app can read it.
func TestAttackShift(t *testing.T) {
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		parts := v.contentParts()
		for i := range len(parts) - 1 {
			for j := i + 1; j < len(parts) && j <= i+2; j++ {
				v.shift(t, ev, parts, i, j)
			}
		}
	})
}

// contentPart is a token of the signed content that a sender can set, or the text
// between two of them.
type contentPart struct {
	literal string
	get     func(r *verifiers.Request) string
	put     func(r *verifiers.Request, value string)
}

// contentParts takes the signed content of a scheme apart.
func (v *vector) contentParts() (parts []contentPart) {
	content, time, id := "", "", ""
	starts := []string{""}
	switch s := v.scheme.(type) {
	case verifiers.HMAC:
		content, time = s.Content, s.Timestamp.From
		if len(s.EventID) == 1 {
			id = s.EventID[0]
		}
		starts = append(starts, s.Variants...)
	case verifiers.PublicKey:
		content, time = s.Content, s.Timestamp.From
		if len(s.EventID) == 1 {
			id = s.EventID[0]
		}
	}
	content = strings.NewReplacer("{timestamp}", time, "{id}", id).Replace(content)
	for content != "" {
		start := strings.IndexByte(content, '{')
		if start != 0 {
			literal := content
			if start > 0 {
				literal = content[:start]
			}
			parts, content = append(parts, contentPart{literal: literal}), content[len(literal):]
			continue
		}
		token, rest, _ := strings.Cut(content[1:], "}")
		parts, content = append(parts, v.tokenPart(token, starts)), rest
	}
	return parts
}

// tokenPart returns how a sender sets a token, if he can.
func (v *vector) tokenPart(token string, starts []string) contentPart {
	name, arg, _ := strings.Cut(token, ":")
	switch name {
	case "body", "document":
		return contentPart{
			get: func(r *verifiers.Request) string { return string(r.Body) },
			put: func(r *verifiers.Request, value string) { r.Body = []byte(value) },
		}
	case "url", "url.decoded":
		return contentPart{
			get: func(r *verifiers.Request) string { return r.URL },
			put: func(r *verifiers.Request, value string) { r.URL = value },
		}
	case "header":
		for _, start := range starts {
			name := strings.ReplaceAll(arg, "*", start)
			if v.request.Header.Get(name) != "" {
				return contentPart{
					get: func(r *verifiers.Request) string { return r.Header.Get(name) },
					put: func(r *verifiers.Request, value string) { r.Header.Set(name, value) },
				}
			}
		}
	case "json":
		body := string(v.request.Body)
		for _, m := range membersOf(body) {
			if name := arg[strings.LastIndexByte(arg, '.')+1:]; body[m.name+1:m.nameEnd-1] == name {
				start, end := m.value, m.valueEnd
				if body[start] == '"' {
					start, end = start+1, end-1
				}
				return contentPart{
					get: func(*verifiers.Request) string { return body[start:end] },
					put: func(r *verifiers.Request, value string) {
						// Longer first or not, the second of two is put into the rest after the first.
						r.Body = []byte(strings.Replace(string(r.Body), body[m.name:end], body[m.name:start]+value, 1))
					},
				}
			}
		}
	case "param":
		// Only of a list that is written as KEY=VALUE.
		for _, header := range v.signatureHeaders() {
			if before, after, ok := strings.Cut(v.request.Header.Get(header), arg+"="); ok {
				end := strings.IndexAny(after, ",; &")
				if end < 0 {
					end = len(after)
				}
				value, after := after[:end], after[end:]
				return contentPart{
					get: func(*verifiers.Request) string { return value },
					put: func(r *verifiers.Request, value string) { r.Header.Set(header, before+arg+"="+value+after) },
				}
			}
		}
	}
	return contentPart{literal: "\x00"} // a text that nothing can be shifted over
}

// shift splits two parts, with a literal between them or not, in every other way.
func (v *vector) shift(t *testing.T, want verifiers.Event, parts []contentPart, i, j int) {
	a, b, between := parts[i], parts[j], ""
	if j == i+2 {
		between = parts[i+1].literal
	}
	if a.get == nil || b.get == nil || j == i+2 && between == "" {
		return
	}
	first, second := a.get(v.request), b.get(v.request)
	whole := first + between + second
	start := 0
	if strings.HasPrefix(second, "https://") {
		return
	}
	if strings.HasPrefix(first, "https://") { // the sender can choose only the part after the path
		if start = strings.IndexByte(first, '?') + 1; start == 0 {
			return
		}
	}
	for at := start; at+len(between) <= len(whole); at++ {
		if at == len(first) || whole[at:at+len(between)] != between {
			continue
		}
		for _, kind := range []string{v.request.Header.Get("Content-Type"), "application/x-www-form-urlencoded"} {
			ev, ok := v.tries(t, func(r *verifiers.Request) {
				r.Header.Set("Content-Type", kind)
				a.put(r, whole[:at])
				b.put(r, whole[at+len(between):])
			})
			if ok && !same(ev, want) && (start == 0 || verifiers.ValidJSON([]byte(whole[at:]))) {
				t.Errorf("parted as %.60q and %.60q it is accepted as another event: %+v", whole[:at], whole[at+len(between):], ev)
				return
			}
		}
	}
}
