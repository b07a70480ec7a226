package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(etsy) }

func etsy() verifiers.Provider {
	p := standardSender("etsy", "Etsy", []string{"{json:event_type}", "{json:type}"}, "https://developers.etsy.com/documentation/")
	p.Confirmed = false
	p.Secret.Where = "Etsy's developer site, the app's webhooks; it starts with whsec_"
	p.Sample.Body = `{"event_type":"order.paid","resource_url":"https://api.etsy.com/v3/application/shops/1001/receipts/2001","shop_id":"1001"}`
	return p
}
