package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(openNode) }

func openNode() verifiers.Provider {
	return verifiers.Provider{
		Name:  "opennode",
		Title: "OpenNode",
		Docs: []string{
			"https://github.com/opennodedev/opennode-node",
			"https://www.npmjs.com/package/opennode",
		},
		Why: "Only the ID of the charge is signed: its status and amount are not. Ask OpenNode for the charge before acting on it. " +
			"The signature of a charge never changes, so whoever has seen one notification can make others of the same charge.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{From: "form", Names: []string{"hashed_order"}},
			Content:   "{form:id}",
			Facts: verifiers.Facts{
				EventID:   []string{"{form:id}:{form:status}"},
				EventType: []string{"{form:status}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "API key", Where: "the OpenNode dashboard, Developers; the key that made the charge"},
		Freshness: verifiers.Freshness{Why: "There is no time."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "A charge has a status once. The status is not signed, so it counts together with the signed ID.",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "id={id}&callback_url=https%3A%2F%2Fhooks.example.com%2Fin&success_url=&status=paid&order_id=1001&description=Order&price=15000&fee=150&auto_settle=0",
		},
	}
}
