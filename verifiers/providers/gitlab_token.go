package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(gitlabToken) }

// gitlabToken is GitLab with a secret token, as all of its versions have it.
// Compared in November 2026: the signing token of 2026 (gitlab-signing) leaves this
// header as it was.
func gitlabToken() verifiers.Provider {
	return verifiers.Provider{
		Name:  "gitlab-token",
		Title: "GitLab (secret token)",
		Docs: []string{
			"https://docs.gitlab.com/user/project/integrations/webhooks/",
			"https://gitlab.com/gitlab-org/gitlab/-/merge_requests/160952", // the idempotency key
			"https://docs.gitlab.com/user/project/integrations/webhook_events/",
		},
		Why:       "The token is sent as it is; GitLab 19 and later can sign instead, in the manner of Standard Webhooks.",
		Confirmed: true,
		Scheme: verifiers.Token{
			Names: []string{"X-Gitlab-Token"},
			Facts: verifiers.Facts{
				EventID:   []string{"{header:Idempotency-Key}", "{header:X-Gitlab-Event-UUID}"},
				EventType: []string{"{header:X-Gitlab-Event}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "secret token", Where: "Settings > Webhooks > the webhook > Secret token, where you chose it"},
		Freshness: verifiers.Freshness{Why: "GitLab sends no time with a token."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "The idempotency key is the same on every attempt; versions before 17.4 have only the event's UUID, which " +
				"webhooks triggered by one another share. The token vouches for the headers beside it.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second},
		MaxBody: gitlabBody,
		Largest: gitlabLargest,
		Sources: verifiers.Sources{
			Deadline: gitlabDeadline,
			Repeats:  "https://gitlab.com/gitlab-org/gitlab/-/issues/14888",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"User-Agent":          "GitLab/17.4.0",
				"X-Gitlab-Event":      "Push Hook",
				"X-Gitlab-Event-UUID": "{uuid}",
				"Idempotency-Key":     "{id}",
				"X-Gitlab-Instance":   "https://gitlab.example.com",
			},
			Body: `{"object_kind":"push","event_name":"push","ref":"refs/heads/main","checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7",` +
				`"project_id":15,"commits":[{"id":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","timestamp":"{time}"}],"total_commits_count":1}`,
		},
	}
}

// gitlabDeadline says how long GitLab waits for an answer.
const gitlabDeadline = "https://gitlab.com/cki-project/cki-tools/-/merge_requests/1114"

// GitLab sends no payload above 25 MB (gitlab-org/gitlab, merge request 38687).
const (
	gitlabLargest = 25 << 20
	gitlabBody    = 26 << 20
)
