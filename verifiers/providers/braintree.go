package providers

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(braintree) }

// Compared in November 2026: braintree 3.40.0 is the newest and judges this row.
func braintree() verifiers.Provider {
	return verifiers.Provider{
		Name:  "braintree",
		Title: "Braintree",
		Docs: []string{
			"https://developer.paypal.com/braintree/docs/guides/webhooks/parse",
			"https://github.com/braintree/braintree_node/blob/master/lib/braintree/webhook_notification_gateway.js",
		},
		Why: "A notification is signed with each of the merchant's API keys, and each signature stands beside its public key. " +
			"The private key is hashed before it is used. The payload is signed as it is in the form, in base64 with its line ends.",
		Confirmed: true,
		Scheme:    braintreeScheme{},
		Secret: verifiers.SecretInfo{
			Name:  "private key",
			Where: "Settings > API > API Keys, beside the public key",
		},
		Options: []verifiers.Option{{
			Name:     "public_key",
			What:     "the API key's public key, from Settings > API > API Keys; one for each secret",
			Required: true,
			Paired:   true,
			Pattern:  `[A-Za-z0-9_]+`,
			Example:  "integration_public_key",
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "bt_challenge",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:bt_challenge}"}},
			Guard:  []verifiers.Condition{{Of: "{query:bt_challenge}", Like: "[a-f0-9]{20,32}"}},
			Proof: verifiers.Proof{
				Hash:    "sha1",
				Secret:  verifiers.SecretFormat{Hash: "sha1"},
				Content: "{query:bt_challenge}",
			},
			Body: "{option:public_key}|{proof}",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "The time is signed and is that of the event. Braintree tries for about a day, which a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no ID. The signed payload has the kind, the time and the subject of the notification.",
		},
		Confidential: []verifiers.Place{{From: "form", Name: "bt_signature"}},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "<notification>\n  <timestamp type=\"datetime\">{time}</timestamp>\n  <kind>check</kind>\n" +
				"  <subject><check type=\"boolean\">true</check></subject>\n</notification>\n",
		},
	}
}

// braintreeScheme signs one field of a form with the hash of a private key.
type braintreeScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = braintreeScheme{}
	_ verifiers.Signer = braintreeScheme{}
	_ verifiers.Timed  = braintreeScheme{}
)

// Timed reports that requests have a time: it stands in the payload.
func (braintreeScheme) Timed() bool { return true }

func braintreeKey(secret string) ([]byte, error) {
	sum := sha1.Sum([]byte(secret))
	return sum[:], nil
}

// maxBraintreePairs bounds the signatures of a notification. A merchant has one
// for each of its API keys.
const maxBraintreePairs = 128

// keys returns the key of each public key.
func (s braintreeScheme) keys(secrets []string) (names []string, keys [][]byte, err error) {
	if keys, err = verifiers.SecretKeys(secrets, braintreeKey); err != nil {
		return nil, nil, err
	}
	if names = strings.Fields(s.Options["public_key"]); len(names) != len(keys) {
		return nil, nil, errors.New("public_key: each private key needs its public key, in the same order")
	}
	return names, keys, nil
}

// Verifier makes the scheme's verifier.
func (s braintreeScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	names, keys, err := s.keys(secrets)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Places: []string{"{form:bt_payload}"}})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, payload, err := braintreeFields(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		if payload, err = braintreeSigned(names, keys, signature, payload); err != nil {
			return verifiers.Event{}, err
		}
		note, err := braintreeNote(payload)
		if err != nil {
			return verifiers.Event{}, err
		}
		ev := verifiers.Event{Content: []byte(payload), Timestamp: note.sent}
		ev.Signed.Timestamp = !note.sent.IsZero()
		if ev, err = told(facts, r, ev); err != nil {
			return verifiers.Event{}, err
		}
		if ev.Type == "" {
			ev.Type, ev.Signed.Type = note.kind, true
		}
		return ev, nil
	}), nil
}

func braintreeFields(r *verifiers.Request) (signature, payload string, err error) {
	form, err := verifiers.FormOf(r)
	if err != nil {
		return "", "", err
	}
	if signature, err = only(form, "bt_signature"); err != nil {
		return "", "", err
	}
	if payload, err = only(form, "bt_payload"); err != nil {
		return "", "", err
	}
	if strings.Trim(payload, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n") != "" {
		return "", "", verifiers.Refuse(verifiers.MalformedBody, "bt_payload is not base64")
	}
	return signature, payload, nil
}

// braintreeSigned returns the text that one of the endpoint's keys signed: the payload,
// or, as Braintree's own library has it, the payload with a line end that it lost.
func braintreeSigned(names []string, keys [][]byte, pairs, payload string) (string, error) {
	known := false
	type text struct{ key, lost int }
	sums := map[text][]byte{} // computed once, however many signatures there are
	for i, pair := range strings.SplitN(pairs, "&", maxBraintreePairs+1) {
		if i == maxBraintreePairs {
			return "", verifiers.Refuse(verifiers.MalformedSignature, "more than %d signatures", maxBraintreePairs)
		}
		name, sent, ok := strings.Cut(pair, "|")
		if !ok {
			continue
		}
		for k := range keys {
			if names[k] != name {
				continue
			}
			known = true
			signature, err := decoded("hex", sent)
			if err != nil {
				return "", err
			}
			for lost := range 2 {
				end := "\n"[:lost]
				if sums[text{k, lost}] == nil {
					sums[text{k, lost}] = sumOf(sha1.New, keys[k], payload, end)
				}
				if hmac.Equal(signature, sums[text{k, lost}]) {
					return payload + end, nil
				}
			}
		}
	}
	if !known {
		return "", verifiers.Refuse(verifiers.WrongSignature, "none of the signatures is of the endpoint's public key")
	}
	return "", wrongSignature()
}

// braintreeNotification has the facts in the payload.
type braintreeNotification struct {
	kind string
	sent time.Time
}

// braintreeNote reads the payload. It wants a notification, not least because the
// answer to a challenge is a signature too, of a text that anybody may choose
// within limits in which no notification fits.
func braintreeNote(payload string) (note braintreeNotification, err error) {
	text, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return note, verifiers.Refuse(verifiers.MalformedBody, "bt_payload is not base64")
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	var path []string
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return note, verifiers.Refuse(verifiers.MalformedBody, "bt_payload is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) != 2 || path[0] != "notification" {
				continue
			}
			switch path[1] {
			case "kind":
				note.kind += string(token)
			case "timestamp":
				if sent, err := verifiers.ParseTime("rfc3339", string(token)); err == nil {
					note.sent = sent
				}
			}
		}
	}
	if note.kind == "" || len(note.kind) > 128 {
		return note, verifiers.Refuse(verifiers.MalformedBody, "bt_payload is not a notification with a kind")
	}
	return note, nil
}

// Sign adds the signature of the first public key. A body that is a notification
// in XML becomes the payload of a form first.
func (s braintreeScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, braintreeKey)
	if err != nil {
		return err
	}
	names := strings.Fields(s.Options["public_key"])
	if len(names) == 0 {
		return errors.New("public_key: the private key needs its public key")
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if bytes.HasPrefix(r.Body, []byte("<")) {
		r.Body = []byte("bt_payload=" + url.QueryEscape(base64.StdEncoding.EncodeToString(r.Body)+"\n"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	form, err := verifiers.FormOf(r)
	if err != nil {
		return err
	}
	payload, err := only(form, "bt_payload")
	if err != nil {
		return err
	}
	return verifiers.Put(r, "form", "bt_signature", names[0]+"|"+toHex(sumOf(sha1.New, keys[0], payload)))
}
