package providers

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(bridge) }

// bridge is Bridge, the stablecoin platform at bridge.xyz.
func bridge() verifiers.Provider {
	return verifiers.Provider{
		Name:  "bridge",
		Title: "Bridge",
		Docs:  []string{"https://apidocs.bridge.xyz/v1/docs/webhook-event-signature-verification"},
		Why: "Bridge hashes twice: its RSA signature, which includes a hash, is made of the SHA-256 of time and body. " +
			"A webhook has a key pair of its own, so a signature also identifies the receiver.",
		Confirmed: true,
		Scheme: bridgeScheme{verifiers.Facts{
			EventID:   []string{"{json:event_id}"},
			EventType: []string{"{json:event_type}"},
		}},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "public_key in the answer that made the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 10 * time.Minute, Future: 5 * time.Minute},
			Why:       "Bridge advises 10 minutes and makes a new time for each attempt.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Answers: verifiers.Answers{
			// Bridge tries again after a 400.
			Refused: verifiers.Answer{Status: http.StatusBadRequest},
		},
		Sources: verifiers.Sources{
			Answers: "https://apidocs.bridge.xyz/v1/docs/webhook-event-signature-verification",
		},
		Sample: verifiers.Sample{
			IDPrefix: "wh_",
			Body: `{"api_version":"v0","event_id":"{id}","event_category":"transfer","event_type":"transfer.updated.status_transitioned",` +
				`"event_object_id":"transfer-1001","event_object_status":"payment_processed","event_created_at":"{time}"}`,
		},
	}
}

// bridgeScheme signs a hash where other schemes sign the content itself.
type bridgeScheme struct{ verifiers.Facts }

var (
	_ verifiers.Scheme = bridgeScheme{}
	_ verifiers.Signer = bridgeScheme{}
	_ verifiers.Timed  = bridgeScheme{}
)

const (
	bridgeHeader        = "X-Webhook-Signature"
	maxBridgeSignatures = 4
)

// bridgeInner signs a hash that stands in the place of the body.
var bridgeInner = verifiers.PublicKey{
	Algorithm: "rsa",
	Signature: verifiers.Signature{Names: []string{bridgeHeader}, Encoding: "base64"},
	Content:   "{body}",
}

// bridgeHash makes the request that bridgeInner is for.
func bridgeHash(stamp string, body []byte, signature string) *verifiers.Request {
	sum := sha256.New()
	sum.Write([]byte(stamp + "."))
	sum.Write(body)
	return &verifiers.Request{Header: http.Header{bridgeHeader: {signature}}, Body: sum.Sum(nil)}
}

// Timed reports that requests have a time: it stands in the signature.
func (bridgeScheme) Timed() bool { return true }

// Verifier makes the scheme's verifier.
func (s bridgeScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	inner, err := bridgeInner.Verifier(secrets...)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Body: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		value, err := verifiers.HeaderOf(r, bridgeHeader)
		if err != nil {
			return verifiers.Event{}, err
		}
		stamp, signatures, err := bridgeParts(value)
		if err != nil {
			return verifiers.Event{}, err
		}
		sent, err := verifiers.ParseTime("unix_ms", stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, signature := range signatures {
			if _, err = inner.Verify(context.Background(), bridgeHash(stamp, r.Body, signature)); err == nil {
				break
			}
		}
		if err != nil {
			return verifiers.Event{}, err
		}
		ev := verifiers.Event{Content: r.Body, Timestamp: sent, Signed: verifiers.Fields{Timestamp: true}}
		return told(facts, r, ev)
	}), nil
}

// bridgeParts takes a value apart that reads t=…,v0=….
func bridgeParts(value string) (stamp string, signatures []string, err error) {
	for item := range strings.SplitSeq(value, ",") {
		switch key, text, _ := strings.Cut(strings.TrimSpace(item), "="); key {
		case "t":
			if stamp != "" {
				return "", nil, verifiers.Refuse(verifiers.MalformedSignature, "t is there more than once")
			}
			stamp = text
		case "v0":
			signatures = append(signatures, text)
		}
	}
	switch {
	case stamp == "":
		return "", nil, verifiers.Refuse(verifiers.MissingTimestamp, "no t in the header %s", bridgeHeader)
	case len(signatures) == 0:
		return "", nil, verifiers.Refuse(verifiers.MissingSignature, "no v0 in the header %s", bridgeHeader)
	case len(signatures) > maxBridgeSignatures:
		return "", nil, verifiers.Refuse(verifiers.MalformedSignature, "more than %d signatures", maxBridgeSignatures)
	}
	return stamp, signatures, nil
}

// Sign signs with a private key.
func (s bridgeScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	hashed := bridgeHash(stamp, r.Body, "")
	if err := bridgeInner.Sign(hashed, secret, now, id); err != nil {
		return err
	}
	return verifiers.Put(r, "header", bridgeHeader, "t="+stamp+",v0="+hashed.Header.Get(bridgeHeader))
}
