package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(dodoPayments) }

func dodoPayments() verifiers.Provider {
	p := standardSender("dodopayments", "Dodo Payments", []string{"{json:type}"},
		"https://docs.dodopayments.com/developer-resources/webhooks",
		"https://www.npmjs.com/package/dodopayments")
	p.Why = "After a rotation Dodo Payments goes on signing with the old secret for 24 hours."
	p.Secret.Where = "Developer > Webhooks > the endpoint > Signing secret"
	p.Sample.Body = `{"business_id":"bus_1001","type":"payment.succeeded","timestamp":"{time}",` +
		`"data":{"payload_type":"Payment","payment_id":"pay_1001","status":"succeeded","currency":"USD","total_amount":1000}}`
	return p
}
