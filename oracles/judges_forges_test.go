package oracles

import (
	"github.com/buildkite/go-buildkite/v4"
	azuredevops "github.com/go-playground/webhooks/v6/azuredevops"
	bitbucketserver "github.com/go-playground/webhooks/v6/bitbucket-server"
	"github.com/go-playground/webhooks/v6/gitea"
	"github.com/go-playground/webhooks/v6/gitlab"
	"github.com/go-playground/webhooks/v6/gogs"

	"github.com/hookwicket/hookwicket/verifiers"
)

// These are judged by a library of somebody else's that many receivers use, since
// their makers have none that verifies.
func init() {
	const sdk = "github.com/go-playground/webhooks/v6"
	judges = append(judges, judge{
		provider: "gitea", sdk: sdk, secret: "test secret",
		verify: func(r *verifiers.Request) error {
			hook, err := gitea.New(gitea.Options.Secret("test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			_, err = hook.Parse(hr, gitea.Event(r.Header.Get("X-Gitea-Event")))
			return err
		},
	}, judge{
		provider: "gogs", sdk: sdk, secret: "test secret",
		verify: func(r *verifiers.Request) error {
			hook, err := gogs.New(gogs.Options.Secret("test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			_, err = hook.Parse(hr, gogs.Event(r.Header.Get("X-Gogs-Event")))
			return err
		},
	}, judge{
		provider: "bitbucket-server", sdk: sdk, secret: "test secret",
		verify: func(r *verifiers.Request) error {
			hook, err := bitbucketserver.New(bitbucketserver.Options.Secret("test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			_, err = hook.Parse(hr, bitbucketserver.Event(r.Header.Get("X-Event-Key")))
			return err
		},
	}, judge{
		provider: "gitlab-token", sdk: sdk, secret: "test secret", blind: "body",
		verify: func(r *verifiers.Request) error {
			hook, err := gitlab.New(gitlab.Options.Secret("test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			_, err = hook.Parse(hr, gitlab.Event(r.Header.Get("X-Gitlab-Event")))
			return err
		},
	}, judge{
		provider: "azure-devops", sdk: sdk, secret: "user:test secret", blind: "body",
		verify: func(r *verifiers.Request) error {
			hook, err := azuredevops.New(azuredevops.Options.BasicAuth("user", "test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			_, err = hook.Parse(hr, azuredevops.GitPushEventType)
			return err
		},
	}, judge{
		// Forgejo sends each of these headers under Gitea's name too, with the same value.
		provider: "forgejo", sdk: sdk, secret: "test secret",
		verify: func(r *verifiers.Request) error {
			hook, err := gitea.New(gitea.Options.Secret("test secret"))
			if err != nil {
				return err
			}
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			for _, name := range []string{"Event", "Signature"} {
				hr.Header.Set("X-Gitea-"+name, hr.Header.Get("X-Forgejo-"+name))
			}
			_, err = hook.Parse(hr, gitea.Event(hr.Header.Get("X-Gitea-Event")))
			return err
		},
	})

	// Buildkite's own.
	for provider, blind := range map[string]string{"buildkite": "", "buildkite-token": "body"} {
		weakness := "It checks no time."
		if blind != "" {
			weakness = "It does not compare in constant time."
		}
		judges = append(judges, judge{
			provider: provider, sdk: "github.com/buildkite/go-buildkite/v4", secret: "test secret", blind: blind, weakness: weakness,
			verify: func(r *verifiers.Request) error {
				hr, err := httpRequest(r)
				if err != nil {
					return err
				}
				_, err = buildkite.ValidatePayload(hr, []byte("test secret"))
				return err
			},
		})
	}
}
