package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(lob) }

func lob() verifiers.Provider {
	scheme := overBody("hex", "Lob-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{header:Lob-Signature-Timestamp}", Format: "unix_auto"}
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:event_type.id}"}
	scheme.Content = "{timestamp}.{body}"
	return verifiers.Provider{
		Name:   "lob",
		Title:  "Lob",
		Docs:   []string{"https://help.lob.com/print-and-mail/getting-data-and-results/using-webhooks"},
		Scheme: scheme,
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "the dashboard, Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"id":"{id}","body":{"id":"psc_1001","object":"postcard"},"reference_id":"psc_1001","event_type":{"id":"postcard.delivered",` +
				`"resource":"postcards","object":"event_type"},"date_created":"{time}","object":"event"}`,
		},
	}
}
