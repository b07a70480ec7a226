package providers

import (
	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(adobeCommerce) }

func adobeCommerce() verifiers.Provider {
	return verifiers.Provider{
		Name:  "adobe-commerce",
		Title: "Adobe Commerce",
		Docs:  []string{"https://github.com/AdobeDocs/commerce-extensibility/blob/main/src/pages/webhooks/signature-verification.md"},
		Why: "The base64 text of the body is signed. The pages call it an HMAC, but their code checks an RSA signature. " +
			"Signing is off until it is turned on in the Admin.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{Names: []string{"X-Adobe-Commerce-Webhook-Signature"}, Encoding: "base64"},
			Content:   "{body.base64}",
			Facts:     verifiers.Facts{EventID: []string{"{header:X-Adobe-Commerce-Request-Id}"}},
		},
		Secret:      verifiers.SecretInfo{Name: "public key", Where: "the Admin, where webhook signatures are turned on"},
		Synchronous: "Adobe Commerce waits for the answer, whose operations let it go on, stop it, or change data.",
		Freshness:   verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "Every request waits for an answer of its own, so none of them is a repetition that could be left unanswered.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Adobe-Commerce-Request-Id": "{id}"},
			Body:   `{"product":{"sku":"24-MB01","name":"Joust Duffle Bag","price":"34.00"}}`,
		},
	}
}
