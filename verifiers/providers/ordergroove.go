package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(ordergroove) }

func ordergroove() verifiers.Provider {
	scheme := timedList("OrderGroove-Signature", "ts", "sig")
	scheme.EventID = []string{timeAndBody}
	return verifiers.Provider{
		Name:      "ordergroove",
		Title:     "Ordergroove",
		Docs:      []string{"https://developer.ordergroove.com/reference/webhooks-verification"},
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "verification key", Where: "the webhook target's settings"},
		Freshness: verifiers.Freshness{
			Origin: verifiers.EventTime,
			Why:    renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: 24 * time.Hour,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Body: `{"type":"subscription.create","created":{unix},"data":{"object":{"public_id":"{id}","customer":"customer-1001",` +
				`"product":"product-1001"}}}`,
		},
	}
}
