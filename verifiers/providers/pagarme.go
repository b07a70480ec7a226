package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(pagarme) }

func pagarme() verifiers.Provider {
	scheme := overBody("hex", "X-Hub-Signature")
	scheme.EventID = []string{"{form:id}:{form:current_status}"}
	scheme.EventType = []string{"{form:event}", "{form:object}"}
	scheme.Hash, scheme.Signature.Prefix = "sha1", "sha1="
	return verifiers.Provider{
		Name:  "pagarme",
		Title: "Pagar.me (v1)",
		Docs: []string{
			"https://docs.pagar.me/v1/reference/validando-um-postback",
			"https://github.com/pagarme/pagarme-js",
		},
		Why:       "The hash is SHA-1; Pagar.me has no other. The body is a form, and its bytes are signed as they stand.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "API key", Where: "the dashboard, Settings > API keys"},
		Freshness: verifiers.Freshness{Why: "There is no time outside the body."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no event ID, and a subscription comes back to a status. The body has the whole state with its times.",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: `` +
				`id={id}&fingerprint=example&event=transaction_status_changed&old_status=processing&desired_status=paid&current_status=paid&object=transaction`,
		},
	}
}
