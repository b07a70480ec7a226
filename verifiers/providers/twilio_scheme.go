package providers

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// twilioScheme signs the URL and the fields of a form. Where the body is something
// else, the URL has its hash.
type twilioScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = twilioScheme{}
	_ verifiers.Signer = twilioScheme{}
)

// bodyHash is the parameter of the URL that has the hash of a body.
const bodyHash = "bodySHA256"

// Verifier makes the scheme's verifier.
func (s twilioScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	form, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	body, err := s.Reader(verifiers.Covered{URL: true, Body: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, err := inHeader(r, "X-Twilio-Signature", "base64")
		if err != nil {
			return verifiers.Event{}, err
		}
		settings, err := twilioSettingsOf(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		if !settings.by(s.sharedKeys()) {
			return verifiers.Event{}, verifiers.Refuse(verifiers.WrongSignature, "%s does not name a shared key of the endpoint", twilioSettingsHeader)
		}
		hashed, fields, err := twilioParts(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, u := range twilioURLs(r.URL) {
			if !signedBy(settings.hash, keys, signature, u, fields) {
				continue
			}
			if hashed {
				return told(body, r, verifiers.Event{Content: r.Body})
			}
			return told(form, r, verifiers.Event{Content: []byte(u + fields)})
		}
		return verifiers.Event{}, wrongSignature()
	}), nil
}

// sharedKey is the option with the ID of a shared key.
const sharedKey = "shared_key"

// sharedKeys returns the IDs of the endpoint's shared keys.
func (s twilioScheme) sharedKeys() []string { return strings.Fields(s.Options[sharedKey]) }

// twilioSettingsHeader is a header that Twilio adds where a rule for webhooks has it
// sign with a shared key: key=<ID>,algorithm=HMAC_SHA256.
const twilioSettingsHeader = "X-Twilio-Webhooks-Signature-Settings"

// maxTwilioSettings bounds the header, in bytes.
const maxTwilioSettings = 1 << 10

// twilioSettings are the parts of that header.
type twilioSettings struct {
	key  string // "": the auth token
	hash func() hash.Hash
}

// by reports whether one of the shared keys signed. Without shared keys, any
// secret of the endpoint may sign.
func (s twilioSettings) by(keys []string) bool {
	return len(keys) == 0 || slices.Contains(keys, s.key)
}

// twilioSettingsOf reads the header. Without it, the hash is SHA-1. The header is
// not signed, but each hash needs a secret of the endpoint.
func twilioSettingsOf(r *verifiers.Request) (twilioSettings, error) {
	lines := r.Header[twilioSettingsHeader]
	if len(lines) > 1 || len(lines) == 1 && len(lines[0]) > maxTwilioSettings {
		return twilioSettings{}, verifiers.Refuse(verifiers.MalformedSignature, "%s is there more than once, or longer than %d bytes", twilioSettingsHeader, maxTwilioSettings)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(strings.Join(lines, ""), ",") {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); parts[name] == "" { // of several the first
			parts[name] = strings.TrimSpace(value)
		}
	}
	s := twilioSettings{key: parts["key"]}
	switch strings.ToUpper(parts["algorithm"]) {
	case "", "HMAC_SHA1":
		s.hash = sha1.New
	case "HMAC_SHA256":
		s.hash = sha256.New
	default:
		return twilioSettings{}, verifiers.Refuse(verifiers.MalformedSignature, "%s names an algorithm that is neither HMAC_SHA1 nor HMAC_SHA256", twilioSettingsHeader)
	}
	return s, nil
}

// twilioParts returns the fields that follow the URL in the signed content. hashed is
// true if the URL has the right hash of the body.
func twilioParts(r *verifiers.Request) (hashed bool, fields string, err error) {
	// Only where it matters, for some queries cannot be decoded.
	if strings.Contains(r.URL, bodyHash) {
		query, err := verifiers.QueryOf(r.URL)
		if err != nil {
			return false, "", err
		}
		text, err := only(query, bodyHash)
		if err != nil {
			return false, "", err
		}
		want, err := decoded("hex", text)
		if err != nil {
			return false, "", err
		}
		if sum := sha256.Sum256(r.Body); !hmac.Equal(sum[:], want) {
			return false, "", verifiers.Refuse(verifiers.WrongSignature, "the body is not the one whose hash is in the URL")
		}
		return true, "", nil
	}
	form, err := verifiers.FormOf(r)
	if err != nil {
		return false, "", err
	}
	slices.SortFunc(form, func(a, b verifiers.Pair) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	var content strings.Builder
	for _, p := range slices.Compact(form) {
		content.WriteString(p.Name)
		content.WriteString(p.Value)
	}
	return false, content.String(), nil
}

// twilioURLs are the spellings of a URL that Twilio may have signed: as received,
// with and without a port, and each of them with the query as Node's querystring
// would write it.
func twilioURLs(received string) []string {
	urls := []string{received}
	add := func(u string) {
		if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	if scheme, rest, ok := strings.Cut(received, "://"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		authority, rest := rest[:end], rest[end:]
		host := authority
		if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexAny(authority, "]@") {
			host = authority[:colon]
		}
		add(scheme + "://" + host + rest)
		if host == authority {
			port := ":443"
			if strings.EqualFold(scheme, "http") {
				port = ":80"
			}
			add(scheme + "://" + host + port + rest)
		}
	}
	for _, u := range slices.Clone(urls) {
		if rewritten, ok := rewrittenQuery(u); ok {
			add(rewritten)
		}
	}
	return urls
}

// maxTwilioQuery bounds a query that is rewritten, in bytes. One that is longer is
// verified as it was received.
const maxTwilioQuery = 8 << 10

// rewrittenQuery decodes a URL's query and encodes it anew as Node does. It leaves
// one with repeated names alone, which Node would also sort.
func rewrittenQuery(u string) (string, bool) {
	base, query, ok := strings.Cut(u, "?")
	if len(query) > maxTwilioQuery { // of which escaping makes several times as many bytes
		return "", false
	}
	if !ok || query == "" || strings.Contains(query, "#") {
		return "", false
	}
	pairs, err := verifiers.QueryOf(u)
	if err != nil {
		return "", false
	}
	seen := map[string]bool{}
	var written []string
	for _, p := range pairs {
		if seen[p.Name] {
			return "", false
		}
		seen[p.Name] = true
		written = append(written, escapeComponent(p.Name)+"="+escapeComponent(p.Value))
	}
	return base + "?" + strings.Join(written, "&"), true
}

// escapeComponent escapes as JavaScript's encodeURIComponent and Node's
// querystring do.
func escapeComponent(s string) string { return unescaped.Replace(url.QueryEscape(s)) }

var unescaped = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// Sign adds the signature, and to the URL the hash of a body that is no form. With
// the option shared_key it signs as Twilio does with that key: it adds the header
// with the settings. A request that has the header already is signed as it says.
func (s twilioScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if _, err := verifiers.FormOf(r); err != nil {
		sum := sha256.Sum256(r.Body)
		if err := verifiers.Put(r, "query", bodyHash, toHex(sum[:])); err != nil {
			return err
		}
	}
	if ids := s.sharedKeys(); len(ids) > 0 && r.Header.Get(twilioSettingsHeader) == "" {
		if err := verifiers.Put(r, "header", twilioSettingsHeader, "key="+ids[0]+",algorithm=HMAC_SHA256"); err != nil {
			return err
		}
	}
	settings, err := twilioSettingsOf(r)
	if err != nil {
		return err
	}
	_, fields, err := twilioParts(r)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Twilio-Signature", toBase64(sumOf(settings.hash, keys[0], r.URL+fields)))
}
