package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(plivoV3) }

// Compared in November 2026: plivo 4.79.0 is the newest and judges this row.
func plivoV3() verifiers.Provider {
	return verifiers.Provider{
		Name:  "plivo-v3",
		Title: "Plivo (signature V3: voice)",
		Docs: []string{
			"https://www.plivo.com/docs/voice/concepts/signature-validation",
			"https://github.com/plivo/plivo-node/blob/master/lib/utils/v3Security.js",
			"https://github.com/plivo/plivo-go/blob/master/utils.go",
		},
		Why: "Calls are signed so; messages have signature V2. The public URL is signed with its query sorted, then the fields of the form, then a nonce. " +
			"Plivo's library for Node decodes the query first and its library for Go does not: both spellings are taken. " +
			"Nothing stands between a name and a value of the form, so no field is reported as signed downstream. " +
			"The signature that the test of the library for Go expects is one that its own code does not make. " +
			"Behind anything that changes scheme, host or path, give the URL that Plivo calls with public_url. " +
			"An answer URL of a call wants XML back: leave out forward there.",
		Confirmed: true,
		Scheme: plivoV3Scheme{Facts: verifiers.Facts{EventType: []string{
			"{form:Event}", "{form:CallStatus}", "{query:Event}", "{query:CallStatus}",
		}}},
		Secret:    verifiers.SecretInfo{Name: "auth token", Where: "Plivo Console > Overview"},
		Methods:   []string{"GET", "POST"},
		Freshness: verifiers.Freshness{Why: "Plivo sends no time."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "The nonce is signed and used once, so a signed content that comes again is a replay. " +
				"A retry of Plivo's has a nonce of its own; the app can tell it by the ID of the call.",
		},
		Sample: verifiers.Sample{
			Type:   "application/x-www-form-urlencoded",
			Header: map[string]string{plivoNonce: "{unix}"},
			Body:   "CallStatus=completed&CallUUID={id}&Direction=inbound&Duration=42&From=14155550100&To=14155550101",
		},
	}
}

const (
	plivoSignature = "X-Plivo-Signature-V3"
	plivoNonce     = "X-Plivo-Signature-V3-Nonce"
)

// plivoV3Scheme signs the URL, the fields of a form and a nonce.
type plivoV3Scheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = plivoV3Scheme{}
	_ verifiers.Signer = plivoV3Scheme{}
)

// maxPlivoSignatures bounds the signatures of one request: there is one for each auth
// token of the account that is valid.
const maxPlivoSignatures = 4

// Verifier makes the scheme's verifier.
func (s plivoV3Scheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		list, err := verifiers.HeaderOf(r, plivoSignature)
		if err != nil {
			return verifiers.Event{}, err
		}
		texts := strings.Split(list, ",")
		if len(texts) > maxPlivoSignatures {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedSignature, "it has more than %d signatures", maxPlivoSignatures)
		}
		signatures := make([][]byte, len(texts))
		for i, text := range texts {
			if signatures[i], err = decoded("base64", strings.TrimSpace(text)); err != nil {
				return verifiers.Event{}, err
			}
		}
		urls, rest, err := plivoContent(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, key := range keys {
			for _, u := range urls {
				sum := sumOf(sha256.New, key, u, rest)
				if slices.ContainsFunc(signatures, func(s []byte) bool { return hmac.Equal(s, sum) }) {
					return told(facts, r, verifiers.Event{Content: []byte(urls[0] + rest)})
				}
			}
		}
		return verifiers.Event{}, wrongSignature()
	}), nil
}

// plivoContent returns the two parts of the signed content: the URL in its spellings,
// with the query decoded and as it is sent, and all that follows the query.
func plivoContent(r *verifiers.Request) (urls []string, rest string, err error) {
	nonce, err := verifiers.HeaderOf(r, plivoNonce)
	if err != nil {
		return nil, "", err
	}
	base, query, _ := strings.Cut(r.URL, "?")
	pairs, err := verifiers.QueryOf(r.URL)
	if err != nil {
		return nil, "", err
	}
	var raw []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" {
			raw = append(raw, pair)
		}
	}
	slices.Sort(raw)
	var form []verifiers.Pair
	if len(r.Body) > 0 {
		if form, err = verifiers.FormOf(r); err != nil {
			return nil, "", err
		}
	}
	if err := grow(r, len(r.Body)+4*len(r.URL)); err != nil {
		return nil, "", err
	}
	for _, q := range []string{sortedPairs(pairs, "=", "&", ""), strings.Join(raw, "&")} {
		u := base
		if q != "" || len(form) > 0 {
			u += "?" + q
		}
		if q != "" && len(form) > 0 {
			u += "."
		}
		urls = append(urls, u)
	}
	return slices.Compact(urls), sortedPairs(form, "", "", "."+nonce), nil
}

// sortedPairs writes pairs in the order of their names, and of their values where a
// name is repeated, and then the end.
func sortedPairs(pairs []verifiers.Pair, assign, separator, end string) string {
	slices.SortFunc(pairs, func(a, b verifiers.Pair) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	size := len(end)
	for _, p := range pairs {
		size += len(p.Name) + len(assign) + len(p.Value) + len(separator)
	}
	var text strings.Builder
	text.Grow(size)
	for i, p := range pairs {
		if i > 0 {
			text.WriteString(separator)
		}
		text.WriteString(p.Name)
		text.WriteString(assign)
		text.WriteString(p.Value)
	}
	text.WriteString(end)
	return text.String()
}

// Sign adds the signature, and a nonce if there is none.
func (s plivoV3Scheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if r.Header.Get(plivoNonce) == "" {
		if err := verifiers.Put(r, "header", plivoNonce, id); err != nil {
			return err
		}
	}
	urls, rest, err := plivoContent(r)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", plivoSignature, toBase64(sumOf(sha256.New, keys[0], urls[0], rest)))
}
