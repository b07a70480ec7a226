package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(bigCommerce) }

func bigCommerce() verifiers.Provider {
	p := standardSender("bigcommerce", "BigCommerce", []string{"{json:scope}"},
		"https://developer.bigcommerce.com/docs/integrations/webhooks",
		"https://github.com/bigcommerce/docs/blob/main/docs/integrations/webhooks/https-webhook-overview.mdx")
	p.Why = "The app's client secret, as text, is the key. " +
		"BigCommerce stops for 3 minutes for a whole host name of which too many answers were not in the 200 range. " +
		"Give a store's endpoint a host name of its own where others may refuse much."
	p.Scheme = standardRaw([]string{"{json:scope}"}, "webhook-")
	p.Secret = verifiers.SecretInfo{Name: "client secret", Where: "BigCommerce Developer Portal > My Apps > the app > View Client ID"}
	p.Retries = verifiers.Retries{ // 1, 3, 5, 10, 15 and 30 minutes, 1, 2, 6, 14 and 24 hours, each after the one before
		Attempts: 12,
		Horizon:  48*time.Hour + 4*time.Minute,
	}
	const source = "bigcommerce/docs, docs/integrations/webhooks/https-webhook-overview.mdx"
	p.Sources = verifiers.Sources{Retries: source, Answers: source}
	p.Sample.IDPrefix = ""
	p.Sample.Body = `{"scope":"store/order/created","store_id":"1025646","data":{"type":"order","id":250},` +
		`"hash":"dd70c0976e06b67aaf671e73f49dcb79230ebf9d","created_at":{unix},"producer":"stores/1001"}`
	return p
}
