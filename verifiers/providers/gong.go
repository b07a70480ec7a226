package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(gong) }

func gong() verifiers.Provider {
	return verifiers.Provider{
		Name:  "gong",
		Title: "Gong",
		Docs: []string{
			"https://help.gong.io/docs/prepare-your-receiving-application-to-receive-a-webhook-jwt-header",
			"https://github.com/NangoHQ/nango/blob/master/packages/server/lib/webhook/gong-webhook-routing.ts",
		},
		Why:       "Each automation rule has a key of its own. Gong shows it in base64 without the lines of a PEM around it; either will do.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:          []string{"Authorization"},
			Prefix:         "Bearer ",
			OptionalPrefix: true,
			Algorithms:     []string{"RS256"},
			BodyHash:       verifiers.ClaimHash{Claim: "body_sha256"},
			Facts: verifiers.Facts{
				Require:   []verifiers.Condition{{Of: "{claim:exp}"}},
				Addressee: []verifiers.Condition{{Of: "{claim:webhook_url}", Is: []string{"{option:webhook_url}"}}},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "the automation rule > Webhook > Show public key"},
		Options: []verifiers.Option{{
			Name: "webhook_url", What: "the URL that the token has to be made out to, as the rule has it",
			Many: true, Example: "https://hooks.example.com/gong",
		}},
		Freshness: verifiers.Freshness{Why: "The token has an end, which is enforced; the call's own times are long past when a rule is triggered."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A webhook has no ID. The body is all of the call's data, with its ID; the same data again are the same event.",
		},
		Sample: verifiers.Sample{
			Body: `{"callData":{"metaData":{"id":"{id}","url":"https://app.gong.io/call?id=5599332235511222779","title":"Demo","started":"{time}",` +
				`"duration":2159,"direction":"Conference","system":"Zoom","scope":"External","media":"Video","language":"eng"}},"isTest":false}`,
		},
	}
}
