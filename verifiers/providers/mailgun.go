package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(mailgun) }

// Compared in November 2026: Mailgun's page of 2026 has the same three fields and
// parent-signature. It names no header and no second key for one account.
func mailgun() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mailgun",
		Title: "Mailgun",
		Docs: []string{
			"https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
			"https://github.com/mailgun/mailgun-go/blob/master/webhooks.go",
		},
		Why: "The signature stands in the body and covers a time and a token, not the event. Anybody who has seen one request can send " +
			"another body with them, until the token is used or the time is up. " +
			"A subaccount's events also carry a signature by the key of the primary account, and either key will do. " +
			"The forms of older webhooks and of routes, which have these fields at their top, are not taken.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{From: "json", Names: []string{"signature.signature", "signature.parent-signature"}, All: true},
			Content:   "{json:signature.timestamp}{json:signature.token}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:signature.timestamp}"},
				EventID:   []string{"{json:signature.token}"},
				EventType: []string{"{json:event-data.event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "HTTP webhook signing key", Where: "Account > API Security"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(24 * time.Hour),
			Why: "A retry carries the time and the token of the first attempt, and the last of them comes after 8 hours. " +
				"The limit is there because the body is not signed: no token must outlive the memory of its use.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       48 * time.Hour,
			UniqueBodies: true,
			Why:          "The token is signed, is the same on every attempt and is to be taken once only; the event's own ID is not signed.",
		},
		Retries: verifiers.Retries{ // 5 m, 10 m, 15 m, 1 h, 2 h, 4 h after one another; none for delivered messages
			Attempts: 7,
			Horizon:  8 * time.Hour,
		},
		Confidential: []verifiers.Place{{From: "json", Name: "signature.token"}},
		Sources: verifiers.Sources{
			Retries: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries",
			Answers: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries",
		},
		Sample: verifiers.Sample{
			Body: `{"signature":{"token":"{id}","timestamp":"{unix}","signature":""},"event-data":{"id":"CPgfbmQMTCKtHW6uIWtuVe",` +
				`"timestamp":{unix},"event":"delivered","recipient":"alice@example.com","recipient-domain":"example.com","log-level":"info"}}`,
		},
	}
}
