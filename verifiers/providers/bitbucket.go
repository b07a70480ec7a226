package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(bitbucketCloud) }

func bitbucketCloud() verifiers.Provider {
	p := bitbucket("bitbucket-cloud", "Bitbucket Cloud", "X-Request-UUID")
	p.Docs = []string{
		"https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
		"https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/",
		"https://confluence.atlassian.com/bbkb/troubleshoot-webhooks-1167729092.html",
	}
	p.Largest = 256 << 10
	p.Secret.Where = "Repository settings > Webhooks > the webhook > Secret"
	p.Sample.Header["User-Agent"] = "Bitbucket-Webhooks/2.0"
	p.Sample.Header["X-Attempt-Number"] = "1"
	p.Sample.Header["X-Event-Key"] = "repo:push"
	p.Sample.Body = `{"push":{"changes":[{"new":{"type":"branch","name":"main","target":{"type":"commit",` +
		`"hash":"03f4a7270240708834de475bcf21532d6134777e","date":"{time}"}},"created":false,"forced":false,"closed":false}]},` +
		`"repository":{"type":"repository","full_name":"example/repo"},"actor":{"type":"user","nickname":"example"}}`
	return p
}

func init() { register(bitbucketServer) }

func bitbucketServer() verifiers.Provider {
	p := bitbucket("bitbucket-server", "Bitbucket Data Center", "X-Request-Id")
	p.Docs = []string{
		"https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html",
		"https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html",
	}
	p.Secret.Where = "Repository settings > Webhooks > the webhook > Secret"
	// The button that tests a connection sends a ping, which need not be signed.
	p.Handshakes = []verifiers.Handshake{{
		Name: "ping",
		When: []verifiers.Condition{
			{Of: "{header:X-Event-Key}", Is: []string{"diagnostics:ping"}},
			{Of: "{header:X-Hub-Signature}", Absent: true},
		},
	}}
	p.Sample.Header["X-Event-Key"] = "repo:refs_changed"
	p.Sample.Body = `{"eventKey":"repo:refs_changed","date":"{time}","actor":{"name":"admin","id":1},"repository":{"slug":"repository","id":84},` +
		`"changes":[{"ref":{"id":"refs/heads/main","type":"BRANCH"},"fromHash":"ecddabb624f6f5ba43816f5926e580a5f680a932",` +
		`"toHash":"178864a7d521b6f5e720b386b2c2b0ef8563e0dc","type":"UPDATE"}]}`
	return p
}

// bitbucket is the common part of both products. Both use for SHA-256 a header that
// elsewhere means SHA-1.
func bitbucket(name, title, id string) verifiers.Provider {
	return verifiers.Provider{
		Name:      name,
		Title:     title,
		Why:       "X-Hub-Signature, which elsewhere is SHA-1, is SHA-256 here. Without a secret nothing is signed, and everything is refused.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Hub-Signature"},
				Prefix: "sha256=",
			},
			Content: "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{header:" + id + "}"},
				EventType: []string{"{header:X-Event-Key}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret"},
		Freshness: verifiers.Freshness{Why: title + " sends no time outside the event."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The request's ID is outside the signature, so it counts together with the body. Whether a retry bears the same one is not documented; " +
				"if it does not, a retry counts as another event. A branch that is moved to and fro makes equal bodies, so equal bodies need not be one event.",
		},
		Sample: verifiers.Sample{Header: map[string]string{}},
	}
}
