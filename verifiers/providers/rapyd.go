package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(rapyd) }

func rapyd() verifiers.Provider {
	return verifiers.Provider{
		Name:  "rapyd",
		Title: "Rapyd",
		Docs:  []string{"https://docs.rapyd.net/en/webhook-authentication.md"},
		Why: "The signature is the base64 of the hex text. The signed text begins with the URL as it stands in the Client Portal, " +
			"so set public_url if another URL arrives. It also has the access key and the secret, which is the key as " +
			"well.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Signature"}, Encoding: "base64_hex"},
			Content:   "{url}{header:Salt}{timestamp}{option:access_key}{secret}{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Timestamp}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret key", Where: "the Client Portal, Developers > Credentials Details"},
		Options: []verifiers.Option{{
			Name:     "access_key",
			What:     "the access key, which the Client Portal shows beside the secret key",
			Required: true,
			Example:  "A1B2C3D4E5F6A7B8C9D0",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "It is the time of the request, as in all of Rapyd's signatures.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (wh_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "wh_",
			Header:   map[string]string{"Salt": "f5c4b8a03d1e9276"},
			Body: `{"id":"{id}","type":"PAYMENT_COMPLETED","data":{"id":"payment_1001","amount":100,"currency_code":"USD","status":"CLO"},` +
				`"trigger_operation_id":"{uuid}","status":"NEW","created_at":{unix}}`,
		},
	}
}
