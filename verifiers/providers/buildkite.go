package providers

import "github.com/hookwicket/hookwicket/verifiers"

const buildkiteSample = `{"event":"build.finished","build":{"id":"{uuid}","number":1,"state":"passed","commit":"1ebc6a5","branch":"main","finished_at":"{time}"},` +
	`"pipeline":{"id":"00000000-0000-4000-8000-000000000001","slug":"example"},"sender":{"id":"00000000-0000-4000-8000-000000000002","name":"Example"}}`

const buildkiteDocs = "https://buildkite.com/docs/apis/webhooks/pipelines"

var buildkiteDedupe = verifiers.Dedupe{
	By:     verifiers.ByDigest,
	Window: week,
	Why: "There is no event ID. Events of builds, jobs and agents bear times of their own, so equal bodies are one event; " +
		"only a ping looks like another.",
}

func init() { register(buildkite) }

func buildkite() verifiers.Provider {
	return verifiers.Provider{
		Name:      "buildkite",
		Title:     "Buildkite (signature)",
		Docs:      []string{buildkiteDocs},
		Why:       "The webhook has to be set to send its token as a signature; otherwise the token itself is sent: buildkite-token.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"X-Buildkite-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"signature"},
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:timestamp}"},
				EventType: []string{"{json:event}", "{header:X-Buildkite-Event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "token", Where: "Settings > Notification Services > the webhook > Token"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of the dispatch; Buildkite's own example is 5 minutes.",
		},
		Dedupe: buildkiteDedupe,
		Sample: verifiers.Sample{Header: map[string]string{"X-Buildkite-Event": "build.finished"}, Body: buildkiteSample},
	}
}

func init() { register(buildkiteToken) }

func buildkiteToken() verifiers.Provider {
	return verifiers.Provider{
		Name:      "buildkite-token",
		Title:     "Buildkite (token)",
		Docs:      []string{buildkiteDocs},
		Why:       "The token is sent as it is and proves nothing of the body. Buildkite can sign instead: buildkite.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"X-Buildkite-Token"},
			Facts: verifiers.Facts{EventType: []string{"{json:event}", "{header:X-Buildkite-Event}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "token", Where: "Settings > Notification Services > the webhook > Token"},
		Freshness: verifiers.Freshness{Why: "Buildkite sends no time with a token."},
		Dedupe:    buildkiteDedupe,
		Sample:    verifiers.Sample{Header: map[string]string{"X-Buildkite-Event": "build.finished"}, Body: buildkiteSample},
	}
}
