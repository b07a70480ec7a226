package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(bluesnap) }

func bluesnap() verifiers.Provider {
	scheme := overBody("hex", "Bls-Signature")
	scheme.EventID = []string{"{form:transactionType}:{form:referenceNumber}"}
	scheme.EventType = []string{"{form:transactionType}"}
	scheme.Content = "{header:Bls-Ipn-Timestamp}{body}"
	// Nothing stands between the two: no field may be moved to the header, nor a
	// part of the time before the form.
	scheme.Require = []verifiers.Condition{{Of: "{header:Bls-Ipn-Timestamp}", Like: "[^=&]{1,64}"}, {Of: "{form:transactionType}"}}
	return verifiers.Provider{
		Name:      "bluesnap",
		Title:     "BlueSnap",
		Docs:      []string{"https://github.com/juspay/hyperswitch/blob/main/crates/hyperswitch_connectors/src/connectors/bluesnap.rs"},
		Why:       "The body is a form, and its bytes are signed as they stand.",
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "security header key", Where: "the webhook settings, Add Security Header"},
		Freshness: verifiers.Freshness{Why: "The form of the signed time is not documented, so it is not read."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A transaction can have several events of a kind, so its number is no key. The body has the date.",
		},
		Sample: verifiers.Sample{
			Type:   "application/x-www-form-urlencoded",
			Header: map[string]string{"Bls-Ipn-Timestamp": "{unix}"},
			Body:   `transactionType=CHARGE&referenceNumber={id}&transactionDate={time}&invoiceChargeAmount=10.00&currency=USD`,
		},
	}
}
