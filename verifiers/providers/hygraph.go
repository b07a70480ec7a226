package providers

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(hygraph) }

func hygraph() verifiers.Provider {
	return verifiers.Provider{
		Name:  "hygraph",
		Title: "Hygraph",
		Docs: []string{
			"https://hygraph.com/docs/api-reference/basics/webhooks",
			"https://github.com/hygraph/hygraph-utils",
		},
		Why:       "A separate JSON document is signed, with the body, the environment's name and the time in it.",
		Confirmed: true,
		Scheme:    hygraphScheme{Facts: verifiers.Facts{EventType: []string{"{json:operation}"}}},
		Secret: verifiers.SecretInfo{
			Name:  "secret key",
			Where: "Project settings > Webhooks > the webhook",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "Hygraph does not say whether an attempt renews the signed time, so it is taken for the event's. A week outlasts " +
				"any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no ID. The body has the operation and the entry with the time of its last change.",
		},
		Sample: verifiers.Sample{
			Body: `{"operation":"publish","data":{"__typename":"Post","id":"{id}","stage":"PUBLISHED","updatedAt":"{time}"}}`,
		},
	}
}

// hygraphScheme signs a JSON document in which the body is a string.
type hygraphScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = hygraphScheme{}
	_ verifiers.Signer = hygraphScheme{}
	_ verifiers.Timed  = hygraphScheme{}
)

// Timed reports that requests have a time: it stands in the signature.
func (hygraphScheme) Timed() bool { return true }

// Verifier makes the scheme's verifier.
func (s hygraphScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Body: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		value, err := verifiers.HeaderOf(r, "gcms-signature")
		if err != nil {
			return verifiers.Event{}, err
		}
		sign, environment, stamp, err := hygraphParts(value)
		if err != nil {
			return verifiers.Event{}, err
		}
		signature, err := decoded("base64", sign)
		if err != nil {
			return verifiers.Event{}, err
		}
		sent, err := verifiers.ParseTime("unix_ms", stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		if err := grow(r, 2*jsStringSize(r.Body)); err != nil {
			return verifiers.Event{}, err
		}
		content, err := hygraphContent(r.Body, environment, stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		if !signedBy(sha256.New, keys, signature, content) {
			return verifiers.Event{}, wrongSignature()
		}
		ev := verifiers.Event{Content: r.Body, Timestamp: sent, Signed: verifiers.Fields{Timestamp: true}}
		return told(facts, r, ev)
	}), nil
}

// hygraphParts takes a value apart that reads sign=…, env=…, t=….
func hygraphParts(value string) (sign, environment, stamp string, err error) {
	parts := strings.Split(value, ", ")
	if len(parts) == 3 {
		var a, b, c bool
		sign, a = strings.CutPrefix(parts[0], "sign=")
		environment, b = strings.CutPrefix(parts[1], "env=")
		stamp, c = strings.CutPrefix(parts[2], "t=")
		if a && b && c {
			return sign, environment, stamp, nil
		}
	}
	return "", "", "", verifiers.Refuse(verifiers.MalformedSignature, "it is not sign=…, env=…, t=…")
}

// hygraphContent returns the signed document. stamp is a number as JSON writes it.
func hygraphContent(body []byte, environment, stamp string) (string, error) {
	if !utf8.Valid(body) || !utf8.ValidString(environment) {
		return "", verifiers.Refuse(verifiers.MalformedBody, "it is not UTF-8")
	}
	b := make([]byte, 0, jsStringSize(body)+6*len(environment)+64)
	b = appendJSBytes(append(b, `{"Body":`...), body)
	b = appendJSBytes(append(b, `,"EnvironmentName":`...), []byte(environment))
	b = append(append(append(b, `,"TimeStamp":`...), stamp...), '}')
	return string(b), nil
}

// Sign adds the signature, for the environment master.
func (s hygraphScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	content, err := hygraphContent(r.Body, "master", stamp)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "gcms-signature",
		"sign="+toBase64(sumOf(sha256.New, keys[0], content))+", env=master, t="+stamp)
}
