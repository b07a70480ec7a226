package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(sumsub) }

func sumsub() verifiers.Provider {
	scheme := overBody("hex", "X-Payload-Digest")
	scheme.EventID = []string{"{json:applicantId}:{json:type}:{json:createdAtMs}"}
	scheme.EventType = []string{"{json:type}"}
	scheme.HashFrom = verifiers.HashChoice{
		From: "{header:X-Payload-Digest-Alg}",
		Names: map[string]string{
			"HMAC_SHA1_HEX":   "sha1",
			"HMAC_SHA256_HEX": "sha256",
			"HMAC_SHA512_HEX": "sha512",
		},
	}
	return verifiers.Provider{
		Name:      "sumsub",
		Title:     "Sumsub",
		Docs:      []string{"https://docs.sumsub.com/docs/webhook-manager"},
		Why:       "A header names the hash, as it was chosen for the webhook; other names than the three documented are refused.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "Dev space > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID, but one applicant has one event of a kind in a millisecond. All three are signed.",
		},
		Retries: verifiers.Retries{ // 5 m, 1 h, 5 h, 18 h
			Deadline: 10 * time.Second,
			Attempts: 5,
			Horizon:  24*time.Hour + 5*time.Minute,
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Payload-Digest-Alg": "HMAC_SHA256_HEX"},
			Body: `{"applicantId":"{id}","inspectionId":"inspection-1001","correlationId":"correlation-1001","levelName":"basic-kyc-level",` +
				`"externalUserId":"user-1001","type":"applicantReviewed","reviewResult":{"reviewAnswer":"GREEN"},"reviewStatus":"completed",` +
				`"createdAtMs":"2026-03-01 12:00:00.000"}`,
		},
	}
}
