package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(veriff) }

func veriff() verifiers.Provider {
	scheme := overBody("hex", "X-Hmac-Signature", "Vrf-Hmac-Signature")
	scheme.EventType = []string{"{json:action}", "{json:verification.status}", "{json:status}"}
	return verifiers.Provider{
		Name:      "veriff",
		Title:     "Veriff",
		Docs:      []string{"https://devdocs.veriff.com/docs/hmac-authentication-and-endpoint-security"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "shared secret key", Where: "the Customer Portal, the integration's settings"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       168 * time.Hour,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the session, the attempt and its result.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","attemptId":"{uuid}","feature":"selfid","code":7002,"action":"submitted","vendorData":"user-1001"}`,
		},
	}
}
