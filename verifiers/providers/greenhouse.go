package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(greenhouse) }

func greenhouse() verifiers.Provider {
	return verifiers.Provider{
		Name:  "greenhouse",
		Title: "Greenhouse",
		Docs: []string{
			"https://developers.greenhouse.io/webhooks.html#authentication",
			"https://developers.greenhouse.io/onboarding_webhooks.html",
			"https://support.greenhouse.io/hc/en-us/articles/360001028791", // the ping
		},
		Why:       "Algorithm and signature are parted by a space, not by an equals sign. Greenhouse follows no redirects.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Signature"}, Prefix: "sha256 "},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:Greenhouse-Event-ID}"},
				EventType: []string{"{json:action}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "your own: Configure > Dev Center > Web Hooks > the webhook"},
		Handshakes: []verifiers.Handshake{{ // comes when a webhook is created
			Name:     "ping",
			When:     []verifiers.Condition{{Of: "{json:action}", Is: []string{"ping"}}},
			Verified: true,
		}},
		Freshness: verifiers.Freshness{Why: "Greenhouse sends no time but those of the candidate or job."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The event ID is outside the signature, so it counts together with the body. Greenhouse calls it the delivery's; " +
				"if a retry should have another one, it passes.",
		},
		Retries: verifiers.Retries{Attempts: 7, Horizon: 15 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "grnhse/greenhouse-api-docs, source/includes/webhooks/_introduction.md",
			Answers: "grnhse/greenhouse-api-docs, source/includes/webhooks/_introduction.md",
		},
		Sample: verifiers.Sample{
			Body: `{"action":"hire_candidate","payload":{"application":{"id":46194062,"rejected_at":null,"status":"hired",` +
				`"candidate":{"id":36952292,"first_name":"Jane","last_name":"Doe"}}}}`,
		},
	}
}
