package oracles

import (
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
	})
}
