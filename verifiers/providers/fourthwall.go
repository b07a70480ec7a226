package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(fourthwall) }

func fourthwall() verifiers.Provider {
	scheme := overBody("base64", "X-Fourthwall-Hmac-SHA256", "X-Fourthwall-Hmac-Apps-SHA256")
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "fourthwall",
		Title: "Fourthwall",
		Docs: []string{
			"https://docs.fourthwall.com/webhooks/signature-verification",
			"https://docs.fourthwall.com/webhooks/limitations",
		},
		Why:       "A shop's webhooks and those of a platform's app have different headers and different secrets.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the shop's settings, For developers > Webhooks, or the app's settings"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body, and Fourthwall says to recognise duplicates by it.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "weve_",
			Body: `{"testMode":false,"id":"{id}","webhookId":"whk_1001","shopId":"sh_1001","type":"ORDER_PLACED","apiVersion":"V1",` +
				`"createdAt":"{time}","data":{"id":"ord_1001","friendlyId":"D3XRZPUX"}}`,
		},
	}
}
