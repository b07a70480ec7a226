package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(paypal) }

// Compared in November 2026: PayPal's API reference names the same five headers, and
// no algorithm but SHA256withRSA. Its newest SDKs verify nothing themselves.
func paypal() verifiers.Provider {
	return verifiers.Provider{
		Name:  "paypal",
		Title: "PayPal",
		Docs: []string{
			"https://developer.paypal.com/api/rest/webhooks/rest/",
			"https://github.com/paypal/PayPal-Python-SDK/blob/master/paypalrestsdk/notifications.py",
		},
		Why: "Of the body only the CRC-32 is signed, and anybody can make another body with the same one. The signature proves the transmission, and each " +
			"transmission is taken once. PayPal signs for all merchants with the certificate that the request names; webhook_id, which is signed " +
			"with it, says whose event it is. The certificate comes alone, without those of its issuers, so its chain can only be checked where " +
			"roots names them. Otherwise it is trusted because it comes from api.paypal.com, its only source.",
		Confirmed: true,
		Scheme: paypalScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{header:Paypal-Transmission-Time}", Format: "rfc3339"},
			EventID:   []string{"{json:id}"},
			EventType: []string{"{json:event_type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:     "certificate",
			Where:    "the Paypal-Cert-Url of a request; without one it is fetched from there",
			Optional: true,
		},
		Options: []verifiers.Option{
			{
				Name: "webhook_id", What: "the ID of the webhook, as the app's list of webhooks in the developer dashboard shows it",
				Required: true, Many: true, Pattern: `[0-9A-Z_]{8,64}`, Example: "4JH86294D6297924G",
			},
			{
				Name: "roots", What: "the certificates, in PEM, one of which has to have issued PayPal's; or system, for those that the machine trusts",
			},
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(4 * 24 * time.Hour),
			Why: "The time is that of the transmission, but PayPal does not say whether a retry has a new one. " +
				"So four days are allowed, a day more than PayPal tries.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       5 * 24 * time.Hour,
			UniqueBodies: true,
			Why: "The ID of the event is the same on every attempt, but only the CRC-32 of the body it stands in is signed. So it is bound to the " +
				"signed transmission: a captured one that returns with another body and ID is a replay.",
		},
		Retries:      verifiers.Retries{Attempts: 25, Horizon: 72 * time.Hour},
		Confidential: []verifiers.Place{{From: "header", Name: "Paypal-Transmission-Sig"}},
		Sources: verifiers.Sources{
			Retries: "8ctopus/paypal-rest-api, src/Hooks.php",
			Answers: "8ctopus/paypal-rest-api, src/Hooks.php",
		},
		Sample: verifiers.Sample{
			IDPrefix: "WH-",
			Header: map[string]string{
				"Paypal-Transmission-Id": "{uuid}",
				"Paypal-Cert-Url":        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
				"Paypal-Auth-Algo":       "SHA256withRSA",
			},
			Body: `{"id":"{id}","event_version":"1.0","create_time":"{time}","resource_type":"capture","event_type":"PAYMENT.CAPTURE.COMPLETED",` +
				`"summary":"Payment completed for $ 10.0 USD","resource":{"id":"42311647XV020574X","amount":{"currency_code":"USD","value":"10.00"},` +
				`"status":"COMPLETED"}}`,
		},
	}
}
