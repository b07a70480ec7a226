package providers

import (
	"crypto/sha1"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(segment) }

func segment() verifiers.Provider {
	return verifiers.Provider{
		Name:  "segment",
		Title: "Segment",
		Docs: []string{
			"https://segment.com/docs/connections/destinations/catalog/actions-webhook/",
			"https://github.com/segmentio/segment-docs/blob/develop/src/connections/destinations/catalog/actions-webhook/index.md",
		},
		Why: "Of a batch Segment signs the first event only. Anybody who has seen a request can therefore put events of their " +
			"own behind a genuine one. It then counts as the same event, and is dropped while that is remembered. " +
			"Where batches are not enabled at Segment, say batches refuse.",
		Confirmed: true,
		Scheme: segmentScheme{Facts: verifiers.Facts{
			EventID:   []string{"{json:messageId}"},
			EventType: []string{"{json:type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "shared secret",
			Where: "the destination's Settings > Advanced Settings",
		},
		Options: []verifiers.Option{{
			Name:    "batches",
			What:    "whether to take batches, of which only the first event is signed: allow (the default) or refuse",
			Pattern: "allow|refuse",
			Example: "allow",
		}},
		Methods: []string{"POST", "PUT", "PATCH"},
		Freshness: verifiers.Freshness{
			Why: "The times are those at which the events were collected, which may be long before.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why: "The ID stands in the signed body and is the same on every attempt. A batch has none of its own: " +
				"it is known by its first event.",
		},
		Retries: verifiers.Retries{Deadline: 5 * time.Second, Horizon: 4 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "segmentio/segment-docs, src/connections/destinations/catalog/webhooks/index.md",
			Deadline: "segmentio/segment-docs, src/connections/destinations/catalog/webhooks/index.md",
		},
		Sample: verifiers.Sample{
			IDPrefix: "ajs-",
			Body: `{"anonymousId":"507f191e810c19729de860ea","context":{"library":{"name":"analytics.js","version":"2.1.0"}},` +
				`"event":"Order Completed","messageId":"{id}","properties":{"total":48},"timestamp":"{time}","type":"track","userId":"97980cfea0067"}`,
		},
	}
}

// segmentScheme signs the body, or the first item of one that is an array.
type segmentScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = segmentScheme{}
	_ verifiers.Signer = segmentScheme{}
)

// Verifier makes the scheme's verifier.
func (s segmentScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	one, err := s.Reader(verifiers.Covered{Body: true})
	if err != nil {
		return nil, err
	}
	batch, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, err := inHeader(r, "X-Signature", "hex")
		if err != nil {
			return verifiers.Event{}, err
		}
		content, isBatch, err := segmentContent(r)
		switch {
		case err != nil:
			return verifiers.Event{}, err
		case isBatch && s.Options["batches"] == "refuse":
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedBody, "it is a batch, and the endpoint refuses batches")
		}
		if !signedBy(sha1.New, keys, signature, content) {
			return verifiers.Event{}, wrongSignature()
		}
		facts := one
		if isBatch {
			facts = batch
		}
		return told(facts, r, verifiers.Event{Content: []byte(content)})
	}), nil
}

// segmentContent returns the sender's own bytes of the signed content. Segment
// writes JSON without white space, so these are the bytes that it signed.
func segmentContent(r *verifiers.Request) (content string, batch bool, err error) {
	if !verifiers.ValidJSON(r.Body) {
		return "", false, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	body := gjson.ParseBytes(r.Body)
	if !body.IsArray() {
		return string(r.Body), false, nil
	}
	body.ForEach(func(_, item gjson.Result) bool {
		content = item.Raw
		return false
	})
	if content == "" {
		return "", true, verifiers.Refuse(verifiers.MalformedBody, "it is a batch of nothing")
	}
	return content, true, nil
}

// Sign adds the signature.
func (s segmentScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	content, _, err := segmentContent(r)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Signature", toHex(sumOf(sha1.New, keys[0], content)))
}
