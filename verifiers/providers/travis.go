package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(travis) }

func travis() verifiers.Provider {
	return verifiers.Provider{
		Name:  "travis",
		Title: "Travis CI",
		Docs: []string{
			"https://docs.travis-ci.com/user/notifications/#verifying-webhook-requests",
			"https://api.travis-ci.com/config",
		},
		Why: "Travis signs with SHA-1 and offers nothing else. The decoded field payload of the form is signed. " +
			"The key is published at api.travis-ci.com; for another installation paste its key as the secret.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"Signature"}, Encoding: "base64"},
			Content:   "{form:payload}",
			Keys: verifiers.Keys{
				URL:    "https://api.travis-ci.com/config",
				Format: "json",
				Path:   "config.notifications.webhook.public_key",
			},
			Facts: verifiers.Facts{
				Document:  []string{"{form:payload}"},
				EventID:   []string{"{json:id}:{json:state}"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "public key", Where: "https://api.travis-ci.com/config, where it is fetched from if you give none", Optional: true},
		Freshness: verifiers.Freshness{Why: "Travis sends the build's own times only."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why: "A build keeps its ID when it is started again, so the ID does not distinguish events. " +
				"The payload has the times of its start and end.",
		},
		Sample: verifiers.Sample{
			Type:   "application/x-www-form-urlencoded",
			Header: map[string]string{"Travis-Repo-Slug": "example/repo"},
			Body: "payload=%7B%22id%22%3A1001%2C%22number%22%3A%221%22%2C%22type%22%3A%22push%22%2C%22state%22%3A%22passed%22%2C" +
				"%22status%22%3A0%2C%22started_at%22%3A%22{time}%22%2C%22branch%22%3A%22main%22%7D",
		},
	}
}
