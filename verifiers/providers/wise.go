package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(wise) }

// wiseProduction is the key that Wise publishes for its production environment.
const wiseProduction = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvO8vXV+JksBzZAY6GhSO
XdoTCfhXaaiZ+qAbtaDBiu2AGkGVpmEygFmWP4Li9m5+Ni85BhVvZOodM9epgW3F
bA5Q1SexvAF1PPjX4JpMstak/QhAgl1qMSqEevL8cmUeTgcMuVWCJmlge9h7B1CS
D4rtlimGZozG39rUBDg6Qt2K+P4wBfLblL0k4C4YUdLnpGYEDIth+i8XsRpFlogx
CAFyH9+knYsDbR43UJ9shtc42Ybd40Afihj8KnYKXzchyQ42aC8aZ/h5hyZ28yVy
Oj3Vos0VdBIs/gAyJ/4yyQFCXYte64I7ssrlbGRaco4nKF3HmaNhxwyKyJafz19e
HwIDAQAB
-----END PUBLIC KEY-----
`

func wise() verifiers.Provider {
	return verifiers.Provider{
		Name:  "wise",
		Title: "Wise",
		Docs: []string{
			"https://docs.wise.com/features/webhooks-notifications/event-handling",
			"https://github.com/transferwise/digital-signatures-examples/tree/main/verify-webhook-signature",
		},
		Why: "One key signs for all of Wise's customers, so a genuine request can be somebody else's: name your subscriptions. " +
			"Without a secret the published production key counts; for the sandbox give its public key. " +
			"X-Signature, made with SHA-1, is deprecated and left aside.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{
				Names:    []string{"X-Signature-SHA256"},
				Encoding: "base64",
			},
			Content: "{body}",
			Static:  []string{wiseProduction},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:sent_at}", Format: "rfc3339"},
				EventType: []string{"{json:event_type}"},
				Addressee: []verifiers.Condition{{Of: "{json:subscription_id}", Is: []string{"{option:subscription_id}"}}},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "Wise's page on handling webhook events; only the sandbox needs one",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name:    "subscription_id",
			What:    "the ID of the webhook subscription, as the API lists it",
			Many:    true,
			Example: "01234567-89ab-cdef-0123-456789abcdef",
		}},
		Handshakes: []verifiers.Handshake{{
			Name:     "test",
			When:     []verifiers.Condition{{Of: "{header:X-Test-Notification}", Is: []string{"true"}}},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(15 * 24 * time.Hour),
			Optional:  true,
			Why:       "Retries go on for two weeks. Not every version of the body has sent_at.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       16 * 24 * time.Hour,
			UniqueBodies: true,
			Why:          "X-Delivery-Id is outside the signature. The signed body has its subscription, the resource and the time.",
		},
		Retries: verifiers.Retries{Deadline: 5 * time.Second, Attempts: 26, Horizon: 14 * 24 * time.Hour},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Delivery-Id": "{uuid}"},
			Body: `{"data":{"resource":{"type":"transfer","id":111,"profile_id":222,"account_id":333},"current_state":"processing",` +
				`"previous_state":"incoming_payment_waiting","occurred_at":"{time}"},"subscription_id":"01234567-89ab-cdef-0123-456789abcdef",` +
				`"event_type":"transfers#state-change","schema_version":"2.0.0","sent_at":"{time}"}`,
		},
	}
}
