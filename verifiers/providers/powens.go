package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(powens) }

func powens() verifiers.Provider {
	scheme := overBody("base64", "BI-Signature")
	scheme.EventID = []string{"{header:BI-Signature-Date}:{body.sha256.hex}"}
	scheme.Content = "POST.{path}.{header:BI-Signature-Date}.{body}"
	scheme.Require = apart("{header:BI-Signature-Date}")
	return verifiers.Provider{
		Name:  "powens",
		Title: "Powens",
		Docs:  []string{"https://github.com/formancehq/payments"},
		Why: "The path of the URL is under the signature, as Powens calls it. A proxy that changes it breaks the signature unless " +
			"public_url says how it was.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret key", Where: "the answer that made the webhook authentication"},
		Freshness: verifiers.Freshness{Why: "The form of the signed date is not documented, so it is not read."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"BI-Signature-Date": "{time}"},
			Body:   `{"connection":{"id":1001,"id_user":7,"state":null,"last_update":"{time}"},"user":{"id":7,"signin":"{id}"}}`,
		},
	}
}
