package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(twilio) }

// Compared in November 2026: twilio 6.3.1, which added shared keys with SHA-256, is
// the newest and judges this row.
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
		Why: "The public URL is signed, in the spelling of the console but with or without the default port. Behind anything " +
			"that changes scheme, host or path, give it with public_url. Of a form only the decoded fields are signed, " +
			"one after the other, with nothing between a name and a value. So no field of a form is reported as signed " +
			"downstream. A value that is repeated is signed once, as in Twilio's own libraries for Node and Python. " +
			"Its library for Go signs only the first of several, which would let anybody add another. " +
			"A rule for webhooks (public beta since 2026) can have Twilio sign with a shared key and SHA-256: the header " +
			"X-Twilio-Webhooks-Signature-Settings names both. Give the shared key's secret beside the auth token, as a second secret. Once every webhook is signed with it, " +
			"give its ID as shared_key, and leave the auth token out. " +
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
		Options: []verifiers.Option{{
			Name: sharedKey,
			What: "the ID of the SharedKey that signs, as a rule for webhooks names it: requests signed otherwise are refused",
			Many: true, Pattern: "[A-Za-z0-9_-]{1,128}", Example: "webhooks_sharedkey_01example",
		}},
		Methods: []string{"GET", "POST"},
		Freshness: verifiers.Freshness{
			Why: "There is no time in a request.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The token is the same on each attempt at one request. It is a header and not signed, so it is bound to a digest of " +
				"the signed parts. Without the token nothing is a duplicate: a caller who presses the same key twice in a menu causes two equal requests.",
		},
		Retries: verifiers.Retries{Deadline: 15 * time.Second},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "AccountSid=AC00000000000000000000000000000000&ApiVersion=2010-04-01&From=%2B15005550006&MessageSid=SM{unix}" +
				"&MessageStatus=delivered&SmsSid=SM{unix}&SmsStatus=delivered&To=%2B15005550009",
		},
	}
}
