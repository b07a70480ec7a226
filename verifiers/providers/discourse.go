package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(discourse) }

func discourse() verifiers.Provider {
	return verifiers.Provider{
		Name:  "discourse",
		Title: "Discourse",
		Docs: []string{
			"https://meta.discourse.org/t/configure-webhooks-that-trigger-on-discourse-events-to-integrate-with-external-services/49045",
			"https://github.com/discourse/discourse/blob/main/app/jobs/regular/emit_web_hook_event.rb",
		},
		Why:       "Without a secret Discourse signs nothing. A ping has the type ping and the body {\"ping\":\"OK\"}; it passes like an event.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Discourse-Event-Signature"}, Prefix: "sha256="},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:X-Discourse-Event-Id}"},
				EventType: []string{"{header:X-Discourse-Event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "your own: Admin > Advanced > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the post, topic or user."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "The ID is outside the signature, so it counts together with the body. Two pings have the same body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Discourse-Event-Type": "post", "X-Discourse-Event": "post_created"},
			Body:   `{"post":{"id":{unix},"username":"ada","created_at":"{time}","topic_id":1001,"topic_title":"Welcome","raw":"Hello"}}`,
		},
	}
}
