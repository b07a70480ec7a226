package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(postmark) }

func postmark() verifiers.Provider {
	return verifiers.Provider{
		Name:  "postmark",
		Title: "Postmark",
		Docs: []string{
			"https://postmarkapp.com/developer/webhooks/webhooks-overview",
			"https://postmarkapp.com/developer/api/webhooks-api",
		},
		Why:       "Postmark does not sign. It sends the user and the password that stand in the webhook's URL or settings, which prove nothing of the body.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From:  "basic",
			Facts: verifiers.Facts{EventType: []string{"{json:RecordType}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "basic auth credentials, as user:password", Where: "Server > Message Stream > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "Each kind of event has its own time of the event, under a name of its own, and none of the attempt."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The message's ID is the same in all events of the message. The event and its time distinguish bodies.",
		},
		// The attachments of an inbound message may have 35 MB. They are sent in
		// base64, beside a text and an HTML part of up to 5 MB each.
		MaxBody: 72 << 20,
		Largest: inBase64(35<<20) + escaped(10<<20),
		Retries: verifiers.Retries{Attempts: 11, Horizon: 10*time.Hour + 30*time.Minute},
		Sources: verifiers.Sources{
			Retries: "https://postmarkapp.com/support/article/understanding-inbound-webhook-retries-in-postmark",
			Answers: "https://postmarkapp.com/support/article/understanding-inbound-webhook-retries-in-postmark",
		},
		Sample: verifiers.Sample{
			Body: `{"RecordType":"Delivery","ServerID":23,"MessageStream":"outbound","MessageID":"{id}","Recipient":"john@example.com",` +
				`"Tag":"welcome-email","DeliveredAt":"{time}","Details":"Test delivery webhook details"}`,
		},
	}
}
