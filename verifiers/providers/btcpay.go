package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(btcpay) }

func btcpay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "btcpay",
		Title: "BTCPay Server",
		Docs: []string{
			"https://docs.btcpayserver.org/API/Greenfield/v1/#tag/Webhooks",
			"https://github.com/btcpayserver/btcpayserver/blob/master/BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
		},
		Why: "Any 4xx but 408 and 429 ends the retries. An event that arrives while a wrong secret is configured has to be " +
			"redelivered by hand, in the settings of the store.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"BTCPay-Sig"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:timestamp}"},
				EventID:   []string{"{json:originalDeliveryId}", "{json:deliveryId}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "the store > Settings > Webhooks > the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "Whether a retry renews the time is not documented. Retries end after about an hour. A week leaves a person time " +
				"to send it again.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "originalDeliveryId is the same on every delivery of an event; deliveryId beside it is not, and makes each another body.",
		},
		Retries: verifiers.Retries{ // after 10 s, 1 m, and 10 m six times
			Attempts: 9,
			Horizon:  time.Hour + 70*time.Second,
		},
		Sources: verifiers.Sources{
			Retries: "btcpayserver/btcpayserver, BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
			Answers: "btcpayserver/btcpayserver, BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
			Repeats: "btcpayserver/btcpayserver, BTCPayServer/Plugins/Webhooks/WebhookSender.cs",
		},
		Sample: verifiers.Sample{
			Body: `{"deliveryId":"{id}","webhookId":"hook1001","originalDeliveryId":"{id}","isRedelivery":false,"type":"InvoiceSettled",` +
				`"timestamp":{unix},"storeId":"store1001","invoiceId":"inv1001"}`,
		},
	}
}
