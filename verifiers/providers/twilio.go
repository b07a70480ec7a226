package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(twilio) }

// Compared in November 2026: twilio 6.3.1 added shared keys with SHA-256, which are here.
func twilio() verifiers.Provider {
	return verifiers.Provider{
		Name:  "twilio",
		Title: "Twilio",
		Docs: []string{
			"https://www.twilio.com/docs/usage/webhooks/webhooks-security",
			"https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides",
			"https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys",
			"https://github.com/twilio/twilio-node/blob/main/src/webhooks/webhooks.ts",
		},
		Why: "The public URL is signed, in the spelling of the console but with or without the default port: behind anything " +
			"that changes scheme, host or path, say what it is with public_url. Of a form only the decoded fields are signed, " +
			"one after the other: Twilio does not tell where a name ends and a value begins, so nothing of a form is told " +
			"downstream to be signed. A value that is repeated is signed once, as in Twilio's own libraries for Node and Python; " +
			"that only the first of several is signed, as its library for Go has it, would let anybody add another. " +
			"A rule for webhooks (public beta since 2026) can have Twilio sign with a shared key and SHA-256: the header " +
			"X-Twilio-Webhooks-Signature-Settings names both. Give the shared key beside the auth token, as a second secret. " +
			"Where TwiML is wanted (incoming calls and messages), the answer has to be the app's own: leave out forward there. " +
			"Status callbacks can be forwarded.",
		Confirmed: true,
		Scheme: twilioScheme{Facts: verifiers.Facts{
			EventID: []string{"{header:I-Twilio-Idempotency-Token}"},
			EventType: []string{
				"{form:MessageStatus}", "{form:SmsStatus}", "{form:CallStatus}", "{form:EventType}",
				"{query:MessageStatus}", "{query:SmsStatus}", "{query:CallStatus}", "{query:EventType}",
			},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "auth token",
			Where: "Twilio Console > Account Info; and the secret of each SharedKey, from the answer that created it",
		},
		Methods: []string{"GET", "POST"},
		Freshness: verifiers.Freshness{
			Why: "There is no time in a request.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The token is the same on each attempt at one request. It is a header and not signed, so it is bound to a digest of " +
				"what is. Without the token nothing is a duplicate: who presses the same key twice in a menu makes two requests that are alike.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "AccountSid=AC00000000000000000000000000000000&ApiVersion=2010-04-01&From=%2B15005550006&MessageSid=SM{unix}" +
				"&MessageStatus=delivered&SmsSid=SM{unix}&SmsStatus=delivered&To=%2B15005550009",
		},
	}
}
