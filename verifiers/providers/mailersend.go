package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(mailerSend) }

func mailerSend() verifiers.Provider {
	scheme := overBody("hex", "Signature", "X-MailerSend-Signature")
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "mailersend",
		Title: "MailerSend",
		Docs: []string{
			"https://developers.mailersend.com/api/v1/webhooks.html#security",
			"https://github.com/mailersend/mailersend-nodejs/blob/main/src/__tests__/services/mailersend.utils.test.ts",
			"https://github.com/symfony/symfony/blob/8.1/src/Symfony/Component/Mailer/Bridge/MailerSend/Webhook/MailerSendRequestParser.php",
		},
		Confirmed: true,
		Why: "MailerSend's own library is shown with the header X-MailerSend-Signature, Symfony's receiver reads Signature. Either is taken. " +
			"When a webhook is saved, MailerSend checks the URL with an event webhook.test. It is signed with a secret that everybody knows, " +
			"so the gateway answers it without a check and does not forward it.",
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Domains > the domain's Manage > Webhooks > the webhook"},
		Handshakes: []verifiers.Handshake{{
			Name: "url_check",
			When: []verifiers.Condition{{Of: "{json:type}", Is: []string{"webhook.test"}}},
		}},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A body has the activity with its ID and its time. Versions of the body differ in whether that ID is the event's.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"activity.sent","created_at":"{time}","data":{"id":"{id}","domain_id":"domain-1001","message_id":"message-1001",` +
				`"email_id":"email-1001","type":"sent","subject":"Test subject","recipient":"test@example.com","tags":[],"meta":[]}}`,
		},
	}
}
