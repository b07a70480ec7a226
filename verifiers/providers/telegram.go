package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(telegram) }

// Compared in November 2026: Telegram's own server sends the secret token as here, and
// nothing else that identifies the sender.
func telegram() verifiers.Provider {
	return verifiers.Provider{
		Name:  "telegram",
		Title: "Telegram bots",
		Docs: []string{
			"https://core.telegram.org/bots/api#setwebhook",
			"https://core.telegram.org/bots/api#update",
			"https://github.com/tdlib/telegram-bot-api/blob/master/telegram-bot-api/WebhookActor.cpp",
		},
		Why: "Telegram does not sign; it sends the secret token that was chosen in setWebhook. A call of the bot API in the answer is " +
			"possible only without forward.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"X-Telegram-Bot-Api-Secret-Token"},
			Facts: verifiers.Facts{EventID: []string{"{json:update_id}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "secret token", Where: "your own: the parameter secret_token of setWebhook"},
		Freshness: verifiers.Freshness{Why: "An update has at most the time of its message, and Telegram keeps updates for a day."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "An update keeps its number, which Telegram recommends for the purpose. The token vouches for the body.",
		},
		Retries: verifiers.Retries{Horizon: 24 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"update_id":{unix},"message":{"message_id":1365,"from":{"id":1111111,"is_bot":false,"first_name":"Test"},` +
				`"chat":{"id":1111111,"first_name":"Test","type":"private"},"date":{unix},"text":"/start"}}`,
		},
	}
}
