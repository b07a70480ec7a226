package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(adyenPlatform) }

func adyenPlatform() verifiers.Provider {
	return verifiers.Provider{
		Name:  "adyen-platform",
		Title: "Adyen Balance Platform and Management",
		Docs: []string{
			"https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
			"https://github.com/Adyen/adyen-go-api-library/blob/main/src/hmacvalidator/hmacvalidator.go",
		},
		Why:       "The HMAC key is hex. Payment webhooks are signed otherwise, within the body.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"HmacSignature"},
				Encoding: "base64",
			},
			Secret:  verifiers.SecretFormat{Encoding: "hex"},
			Content: "{body}",
			Facts:   verifiers.Facts{EventType: []string{"{json:type}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "HMAC key", Where: "Developers > Webhooks > the webhook > HMAC key"},
		Freshness: verifiers.Freshness{Why: "Where the time stands depends on the kind of event, and it is the event's own."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       31 * 24 * time.Hour,
			UniqueBodies: true,
			Why:          "There is no ID that all kinds have, but the signed body has a time and the object of the event.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Horizon: 30 * 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "https://docs.adyen.com/development-resources/webhooks/troubleshoot",
			Deadline: "https://www.adyen.com/knowledge-hub/webhooks-accept-2xx",
			Answers:  "https://www.adyen.com/knowledge-hub/webhooks-accept-2xx",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"merchant.created","environment":"test","createdAt":"{time}","data":{"companyId":"EXAMPLE_COMPANY",` +
				`"merchantId":"EXAMPLE_{id}","status":"PreActive"}}`,
		},
	}
}
