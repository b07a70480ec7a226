package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(ordergroove) }

func ordergroove() verifiers.Provider {
	scheme := timedList("OrderGroove-Signature", "ts", "sig")
	scheme.EventID = []string{"{json:id}", timeAndBody}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "ordergroove",
		Title: "Ordergroove",
		Docs: []string{
			"https://developer.ordergroove.com/reference/webhooks-verification",
			"https://developer.ordergroove.com/data/webhook-verification",
			"https://developer.ordergroove.com/reference/webhooks-overview",
			"https://developer.ordergroove.com/reference/event-payloads",
		},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "verification key", Where: "Developers > Webhooks, the column Verification Key"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "The event's ID stands in the signed body. A body that was made without one is known by the signed time " +
				"and its text.",
		},
		Retries: verifiers.Retries{Attempts: 60, Horizon: 10 * time.Hour},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","type":"subscription.create","created":{unix},"data":{"object":{"public_id":"subscription-1001","customer":"customer-1001",` +
				`"product":"product-1001"}}}`,
		},
	}
}
