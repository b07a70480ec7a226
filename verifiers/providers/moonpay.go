package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(moonpay) }

func moonpay() verifiers.Provider {
	scheme := timedList("Moonpay-Signature-V2", "t", "s")
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "moonpay",
		Title: "MoonPay",
		Docs:  []string{"https://dev.moonpay.com/reference/reference-webhooks-signature"},
		Why: "Requests by GET, which MoonPay signs over the query instead of the body, are questions to an app and no events: " +
			"they are not taken. The older header Moonpay-Signature is ignored.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook API key", Where: "the dashboard, Developers"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no event ID. A body has the transaction with its state and the time of its last change.",
		},
		Retries: verifiers.Retries{Deadline: 5 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"type":"transaction_updated","data":{"id":"{id}","createdAt":"{time}","updatedAt":"{time}","status":"completed",` +
				`"baseCurrencyAmount":50},"externalCustomerId":"customer-1001"}`,
		},
	}
}
