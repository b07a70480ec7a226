package providers

import (
	"crypto/sha256"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(treezor) }

func treezor() verifiers.Provider {
	return verifiers.Provider{
		Name:  "treezor",
		Title: "Treezor",
		Docs: []string{
			"https://docs.treezor.com/guide/webhooks/integrity-checks.html",
			"https://github.com/hookdeck/webhook-skills/tree/main/skills/treezor-webhooks",
		},
		Confirmed: true,
		Why: "Only object_payload is signed, as PHP's json_encode writes it. The event's name, ID and time stand beside it and may have been " +
			"changed by anybody who saw the request. A new subscription is pending until somebody confirms it with a request that Treezor posts to " +
			"the URL. Receive that one without the gateway: it is not forwarded, because its signature is not documented.",
		Scheme: treezorScheme{Facts: verifiers.Facts{
			EventID:   []string{"{json:webhook_id}"},
			EventType: []string{"{json:webhook}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "webhook secret",
			Where: "given by Treezor's account manager",
		},
		Freshness: verifiers.Freshness{
			Why: "The time of the webhook is not signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The ID is the same on every attempt, but not signed, so it is bound to a digest of the payload. Two events of one object " +
				"may have the same payload.",
		},
		Retries:      verifiers.Retries{Attempts: 30, Horizon: 30 * time.Minute},
		Confidential: []verifiers.Place{{From: "json", Name: treezorSignature}},
		Sample: verifiers.Sample{
			Type: "text/plain",
			Body: `{"webhook":"user.create","webhook_id":"{id}","webhook_created_at":"{time}","object":"user","object_id":"1099400",` +
				`"object_payload":{"users":[{"userId":"1099400","userStatus":"VALIDATED","lastname":"Mich\u00e9","address":"1 bis\/2"}]},` +
				`"object_payload_signature":""}`,
		},
	}
}

// treezorScheme signs one member of the body, and has its signature in another.
type treezorScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = treezorScheme{}
	_ verifiers.Signer = treezorScheme{}
)

const (
	treezorPayload   = "object_payload"
	treezorSignature = "object_payload_signature"
)

// Verifier makes the scheme's verifier.
func (s treezorScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	return inBody(keys, facts, "base64", func(r *verifiers.Request) (string, []string, error) {
		payload, signature, err := treezorParts(r.Body)
		if err != nil {
			return "", nil, err
		}
		if err := grow(r, 8*len(payload)); err != nil {
			return "", nil, err
		}
		// As it was sent comes second, for numbers that PHP would write in another way.
		return signature, []string{phpJSON(payload), payload}, nil
	}), nil
}

// treezorParts returns the payload as it was sent, and the signature.
func treezorParts(body []byte) (payload, signature string, err error) {
	if !verifiers.ValidJSON(body) {
		return "", "", verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	found, err := members(gjson.ParseBytes(body), treezorPayload, treezorSignature)
	if err != nil {
		return "", "", err
	}
	if found[treezorSignature].Str == "" {
		return "", "", verifiers.Refuse(verifiers.MissingSignature, "no %s", treezorSignature)
	}
	if !found[treezorPayload].Exists() {
		return "", "", verifiers.Refuse(verifiers.MalformedBody, "no %s", treezorPayload)
	}
	return found[treezorPayload].Raw, found[treezorSignature].Str, nil
}

// Sign writes the signature to its place.
func (s treezorScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if !verifiers.ValidJSON(r.Body) {
		return verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	payload := gjson.GetBytes(r.Body, treezorPayload).Raw
	return verifiers.Put(r, "json", treezorSignature, toBase64(sumOf(sha256.New, keys[0], phpJSON(payload))))
}
