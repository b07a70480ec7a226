package providers

import "github.com/hookwicket/hookwicket/verifiers"

const (
	convoyDocs  = "https://github.com/frain-dev/convoy/blob/main/pkg/signature/signature.go"
	convoyWhere = "the endpoint's settings in Convoy, or the sender's page for its webhooks"
	convoyWhy   = "A project may choose another header, hash and encoding; an endpoint can override each."
	convoyBody  = `{"event":"invoice.paid","data":{"id":"{id}","amount":1000,"currency":"EUR","paid_at":"{time}"}}`
)

func init() { register(convoy) }

// convoy is the gateway Convoy as a sender, with its advanced signatures.
func convoy() verifiers.Provider {
	scheme := timedList("X-Convoy-Signature", "t", "v1")
	scheme.Content = "{timestamp},{body}"
	scheme.EventID = []string{"{header:X-Convoy-Event-ID}"}
	return verifiers.Provider{
		Name:  "convoy",
		Title: "Convoy (advanced signatures)",
		Docs:  []string{convoyDocs, "https://github.com/frain-dev/convoy/blob/main/pkg/signature/testdata/signature-vectors.json"},
		Why: "For senders that deliver their webhooks with Convoy. A comma stands between time and body, and the header has one v1 for " +
			"each secret. " + convoyWhy,
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "endpoint secret", Where: convoyWhere},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is made with the signature. Convoy signs each attempt anew.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The ID is in a header that only some projects send. It is outside the signature, so it counts together with the body. " +
				"The sender decides whether two events can have the same body.",
		},
		Sample: verifiers.Sample{Body: convoyBody},
	}
}

func init() { register(convoySimple) }

// convoySimple is Convoy where an endpoint has its simple signatures.
func convoySimple() verifiers.Provider {
	scheme := overBody("hex", "X-Convoy-Signature")
	scheme.EventID = []string{"{header:X-Convoy-Event-ID}"}
	p := convoy()
	p.Name, p.Title = "convoy-simple", "Convoy (simple signatures)"
	p.Why = "The header has the signature alone, without a time. " + convoyWhy
	p.Scheme = scheme
	p.Freshness = verifiers.Freshness{Why: "No time is sent."}
	p.Dedupe.Window = week
	return p
}
