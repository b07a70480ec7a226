package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(netlify) }

func netlify() verifiers.Provider {
	return verifiers.Provider{
		Name:  "netlify",
		Title: "Netlify",
		Docs: []string{
			"https://docs.netlify.com/deploy/deploy-notifications/#payload-signature",
			"https://docs.netlify.com/forms/notifications/",
		},
		Why:       "The token is not about a person but about the body: its claim sha256 is the hash of it. Without a JWS secret token Netlify signs nothing.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"X-Webhook-Signature"},
			Algorithms: []string{"HS256"},
			BodyHash:   verifiers.ClaimHash{Claim: "sha256"},
			Facts: verifiers.Facts{
				EventType: []string{"{header:X-Netlify-Event}"},
				Require:   []verifiers.Condition{{Of: "{claim:iss}", Is: []string{"netlify"}}},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "JWS secret token", Where: "Project configuration > Notifications > the HTTP POST request"},
		Freshness: verifiers.Freshness{Why: "The token has neither a time nor an end."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "A deploy has one ID and many states, and no event has an ID of its own. " +
				"The body has the ID, the state and the time of the last change.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Netlify-Event": "deploy_created"},
			Body: `{"id":"{id}","site_id":"0d3a9d2f-ef94-4380-93df-27ee400e2048","build_id":"5a8c6b1fdf99531f8f4a1b2d","state":"ready",` +
				`"name":"example","url":"https://www.example.com","created_at":"{time}","updated_at":"{time}","branch":"main","context":"production"}`,
		},
	}
}
