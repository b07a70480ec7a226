package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(hookdeck) }

// hookdeck is a gateway that forwards the events of others under its own signature.
func hookdeck() verifiers.Provider {
	return verifiers.Provider{
		Name:  "hookdeck",
		Title: "Hookdeck",
		Docs: []string{
			"https://hookdeck.com/docs/destinations",
			"https://github.com/hookdeck/webhook-skills",
			"https://github.com/hookdeck/hookdeck-typescript-sdk",
		},
		Why: "The body and the headers of the first sender are passed on as they came; its signature can still be verified by the app. " +
			"Hookdeck's library takes a second signature as well as the first.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"X-Hookdeck-Signature", "X-Hookdeck-Signature-2"},
				All:      true,
				Encoding: "base64",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID: []string{"{header:X-Hookdeck-EventID}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "Hookdeck > Settings > Secrets, of the project"},
		Freshness: verifiers.Freshness{Why: "Hookdeck signs no time."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: 7 * 24 * time.Hour,
			Why: "The event's ID is outside the signature, so it counts together with the body. " +
				"The first sender decides the form of bodies, so a known body under another ID need not be a replay.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Header:   map[string]string{"X-Hookdeck-Attempt-Count": "1", "X-Hookdeck-RequestID": "req_1001"},
			Body:     `{"type":"order.created","data":{"id":"order_1001"},"created_at":"{time}"}`,
		},
	}
}
