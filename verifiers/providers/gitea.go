package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(gitea) }

func gitea() verifiers.Provider {
	p := giteaLike("gitea", "Gitea", "Gitea")
	p.Docs = []string{
		"https://docs.gitea.com/usage/webhooks",
		"https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go",
	}
	p.Confirmed = true
	p.Retries.Attempts = 1
	const source = "go-gitea/gitea, services/webhook/deliver.go"
	p.Sources = verifiers.Sources{Retries: source, Answers: source}
	return p
}

func init() { register(forgejo) }

// forgejo is a fork of Gitea that has headers of its own besides Gitea's.
func forgejo() verifiers.Provider {
	p := giteaLike("forgejo", "Forgejo", "Forgejo", "Gitea")
	p.Docs = []string{
		"https://forgejo.org/docs/latest/user/webhooks/",
		"https://codeberg.org/forgejo/forgejo/src/branch/forgejo/services/webhook/shared/payloader.go",
	}
	p.Confirmed = true
	return p
}

func init() { register(gogs) }

// gogs is the project that Gitea was forked from.
func gogs() verifiers.Provider {
	p := giteaLike("gogs", "Gogs", "Gogs")
	p.Docs = []string{"https://github.com/gogs/gogs/blob/main/internal/database/webhook.go"}
	p.Confirmed = true
	p.Retries = verifiers.Retries{Deadline: 15 * time.Second, Attempts: 1}
	const source = "gogs/gogs, internal/database/webhook.go"
	p.Sources = verifiers.Sources{Retries: source, Deadline: "gogs/gogs, conf/app.ini", Answers: source}
	return p
}

// giteaLike is Gitea and its kin; names stand in their headers.
func giteaLike(slug, title string, names ...string) verifiers.Provider {
	headers := func(format string) (all []string) {
		for _, name := range names {
			all = append(all, "{header:X-"+name+format+"}")
		}
		return all
	}
	signatures := make([]string, len(names))
	for i, name := range names {
		signatures[i] = "X-" + name + "-Signature"
	}
	return verifiers.Provider{
		Name:  slug,
		Title: title,
		Why: "The JSON document is signed, also where it is sent as the field payload of a form. A webhook of the kind GET, " +
			"which has its document in the URL and sends the app no body, is not taken. The same delivery bears GitHub's and Gogs' headers as well, which are not looked at. " +
			"Without a secret the signature is there but empty, and is refused.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: signatures},
			Content:   "{document}",
			Facts: verifiers.Facts{
				Document:  []string{"{form:payload}"},
				EventID:   headers("-Delivery"),
				EventType: headers("-Event"),
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "Settings > Webhooks > the webhook > Secret, where you chose it"},
		Freshness: verifiers.Freshness{Why: title + " sends no time outside the event."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The delivery's ID is outside the signature, so it counts together with the document. " +
				"A star that is taken back and given again makes equal documents, so equal documents need not be one event.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-" + names[0] + "-Event": "push"},
			Body: `{"ref":"refs/heads/main","before":"28e1879d029cb852e4844d9c718537df08844e03","after":"bffeb74224043ba2feb48d137756c8a9331c449a",` +
				`"commits":[{"id":"bffeb74224043ba2feb48d137756c8a9331c449a","message":"Example","timestamp":"{time}"}],` +
				`"repository":{"id":140,"full_name":"example/repo"},"pusher":{"login":"example"}}`,
		},
	}
}
