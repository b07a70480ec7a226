package providers

import (
	"crypto/sha256"
	"errors"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(contentful) }

// Compared in November 2026: @contentful/node-apps-toolkit 3.16.1 is the newest and
// judges this row.
func contentful() verifiers.Provider {
	return verifiers.Provider{
		Name:  "contentful",
		Title: "Contentful",
		Docs: []string{
			"https://www.contentful.com/developers/docs/webhooks/request-verification/",
			"https://github.com/contentful/node-apps-toolkit/tree/master/src/requests",
		},
		Why: "Method, path, query and the headers that Contentful lists are signed with the body. The path is the one that Contentful " +
			"called, so give it with public_url behind anything that changes it.",
		Confirmed: true,
		Scheme: contentfulScheme{Facts: verifiers.Facts{
			EventType: []string{"{header:X-Contentful-Topic}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "signing secret",
			Where: "Settings > Webhooks > Settings, where it is shown once",
		},
		Methods: []string{"POST", "PUT", "PATCH", "DELETE", "GET"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 30 * time.Second, Future: 5 * time.Minute},
			Why:       "Contentful signs when it sends, and its library allows 30 seconds.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID. The body has the entry with its version and the time of its last change; the topic is added to it.",
		},
		Sample: verifiers.Sample{
			Type:   "application/vnd.contentful.management.v1+json",
			Header: map[string]string{"X-Contentful-Topic": "ContentManagement.Entry.publish"},
			Body: `{"sys":{"type":"Entry","id":"{id}","space":{"sys":{"type":"Link","linkType":"Space","id":"cfexampleapi"}},` +
				`"revision":1,"updatedAt":"{time}"},"fields":{"name":{"en-US":"Nyan Cat"}}}`,
		},
	}
}

// contentfulScheme signs the request line, a list of headers that is itself one of
// them, and the body.
type contentfulScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = contentfulScheme{}
	_ verifiers.Signer = contentfulScheme{}
	_ verifiers.Timed  = contentfulScheme{}
)

const (
	contentfulSignature = "x-contentful-signature"
	contentfulList      = "x-contentful-signed-headers"
	contentfulTime      = "x-contentful-timestamp"
	contentfulTopic     = "x-contentful-topic"

	maxSignedHeaders = 64
	maxContentfulURL = 8 << 10 // bytes, of which escaping makes several times as many
)

// Timed reports that requests have a time: the scheme wants it.
func (contentfulScheme) Timed() bool { return true }

// contentfulKey checks a secret, which Contentful makes of 64 characters.
func contentfulKey(secret string) ([]byte, error) {
	if len(secret) != 64 {
		return nil, errors.New("it does not have the 64 characters of Contentful's signing secrets")
	}
	return []byte(secret), nil
}

// Verifier makes the scheme's verifier.
func (s contentfulScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, contentfulKey)
	if err != nil {
		return nil, err
	}
	// Which headers are signed is told by each request, so the facts are read by
	// one of two readers: the topic is signed by all that Contentful sends.
	covered := verifiers.Covered{Body: true, Query: true}
	plain, err := s.Reader(covered)
	if err != nil {
		return nil, err
	}
	covered.Places = []string{"{header:X-Contentful-Topic}"}
	topical, err := s.Reader(covered)
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, err := inHeader(r, contentfulSignature, "hex")
		if err != nil {
			return verifiers.Event{}, err
		}
		list, err := verifiers.HeaderOf(r, contentfulList)
		if err != nil {
			return verifiers.Event{}, err
		}
		stamp, err := verifiers.HeaderOf(r, contentfulTime)
		if err != nil {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MissingTimestamp, "no header %s", contentfulTime)
		}
		sent, err := verifiers.ParseTime("unix_ms", stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		names := strings.Split(list, ",")
		content, err := contentfulContent(r, names)
		if err != nil {
			return verifiers.Event{}, err
		}
		if !signedBy(sha256.New, keys, signature, content) {
			return verifiers.Event{}, wrongSignature()
		}
		ev := verifiers.Event{Content: r.Body, Timestamp: sent, Signed: verifiers.Fields{Timestamp: true}}
		if !slices.Contains(names, contentfulTopic) {
			return told(plain, r, ev)
		}
		topic := r.Header.Get(contentfulTopic)
		ev.Content = append([]byte(topic+"\n"), r.Body...)
		return told(topical, r, ev)
	}), nil
}

// contentfulContent returns the signed content of a request whose headers of these
// names are signed.
func contentfulContent(r *verifiers.Request, names []string) (string, error) {
	if len(names) > maxSignedHeaders {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "a list of more than %d headers", maxSignedHeaders)
	}
	path, err := contentfulPath(r.URL)
	if err != nil {
		return "", err
	}
	var lines []string
	for i, name := range names {
		if name != strings.ToLower(strings.TrimSpace(name)) || i > 0 && names[i-1] >= name {
			return "", verifiers.Refuse(verifiers.MalformedSignature, "the list of signed headers is not sorted, or not in lower case")
		}
		if name == "host" { // which is no header to Go
			lines = append(lines, name+":"+verifiers.HostOf(r.URL))
			continue
		}
		values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
		if len(values) != 1 {
			return "", verifiers.Refuse(verifiers.MalformedSignature, "the signed header %s is there %d times", name, len(values))
		}
		// Contentful's library trims more than HTTP does, so that a topic
		// could get space around it and pass for another.
		if values[0] != strings.TrimSpace(values[0]) {
			return "", verifiers.Refuse(verifiers.MalformedSignature, "the signed header %s has space around its value", name)
		}
		lines = append(lines, name+":"+values[0])
	}
	for _, name := range []string{contentfulList, contentfulTime} {
		if !slices.Contains(names, name) {
			return "", verifiers.Refuse(verifiers.MalformedSignature, "the header %s is not signed", name)
		}
	}
	if err := grow(r, 2*len(r.Body)); err != nil {
		return "", err
	}
	return r.Method + "\n" + path + "\n" + strings.Join(lines, ";") + "\n" + string(r.Body), nil
}

// contentfulPath returns path and query as they are signed: their escapes are
// escaped again, and the query's own marks are escaped twice. Of several question
// marks Contentful's library ignores all that follows the second, so that anybody
// could change it.
func contentfulPath(rawURL string) (string, error) {
	path := verifiers.PathOf(rawURL)
	_, query, ok := strings.Cut(rawURL, "?")
	if len(rawURL) > maxContentfulURL {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "the URL is longer than %d bytes", maxContentfulURL)
	}
	if strings.ContainsAny(query, "?#") {
		return "", verifiers.Refuse(verifiers.MalformedSignature, "the URL has more than one question mark, or a fragment")
	}
	if ok && query != "" {
		path += "?" + escapeComponent(query)
	}
	return encodeURI(path), nil
}

// encodeURI escapes as the function of JavaScript does.
func encodeURI(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x80 && (strings.IndexByte(";,/?:@&=+$-_.!~*'()#", c) >= 0 ||
			'0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z') {
			b.WriteByte(c)
		} else {
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// Sign adds the signature, over the headers of Contentful's own that are there.
func (s contentfulScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, contentfulKey)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	r.Header.Set(contentfulTime, strconv.FormatInt(now.UnixMilli(), 10))
	r.Header.Del(contentfulSignature)
	r.Header.Set(contentfulList, "")
	var names []string
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-contentful-") || name == "content-type" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	r.Header.Set(contentfulList, strings.Join(names, ","))
	content, err := contentfulContent(r, names)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", contentfulSignature, toHex(sumOf(sha256.New, keys[0], content)))
}
