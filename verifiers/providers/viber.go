package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(viber) }

func viber() verifiers.Provider {
	scheme := overBody("hex", "X-Viber-Content-Signature")
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:  "viber",
		Title: "Viber bots",
		Docs: []string{
			"https://developers.viber.com/docs/api/rest-bot-api/",
			"https://developers.viber.com/docs/faq/",
			"https://github.com/Viber/viber-bot-python",
			"https://github.com/Viber/viber-bot-node",
		},
		Why: "The bot's authentication token is the key. When a webhook is set, Viber sends an event webhook, which is signed and " +
			"forwarded like others. A welcome message in the answer to conversation_started is possible only without forward.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "authentication token", Where: "the app's More > Settings > Bots > Edit Info > Your app key, or the Viber Admin Panel"},
		Freshness: verifiers.Freshness{Why: "The only time is in the body and is that of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The events of one message have the same message_token. A body has the event, its time and that token.",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"message","timestamp":{unix}000,"message_token":{unix}001,"sender":{"id":"01234567890A=","name":"John"},` +
				`"message":{"type":"text","text":"{id}"}}`,
		},
	}
}
