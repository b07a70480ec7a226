package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(gitlabSigning) }

// gitlabSigning is GitLab with a signing token, from version 19 on.
// Compared in November 2026 with the merge requests below, both of 2026:
// standardwebhooks 1.1.1 is the newest and judges this row.
func gitlabSigning() verifiers.Provider {
	p := standardSender("gitlab-signing", "GitLab (signing token)", []string{"{header:X-Gitlab-Event}", "{json:object_kind}"},
		"https://docs.gitlab.com/user/project/integrations/webhooks/",
		"https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944",
		"https://gitlab.com/gitlab-org/gitlab/-/merge_requests/231325")
	p.Why = "A webhook may have a secret token besides; X-Gitlab-Token is then sent too and is not needed here. " +
		"The event's name stands in a header that is not signed."
	p.Secret = verifiers.SecretInfo{Name: "signing token", Where: "GitLab > Settings > Webhooks > the webhook > Signing token; it starts with whsec_", Prefix: "whsec_"}
	p.Retries = verifiers.Retries{Deadline: 10 * time.Second}
	p.Sources.Deadline = gitlabDeadline
	p.MaxBody, p.Largest = gitlabBody, gitlabLargest
	p.Sample = verifiers.Sample{
		Header: map[string]string{
			"User-Agent":        "GitLab/19.0.0",
			"X-Gitlab-Event":    "Push Hook",
			"X-Gitlab-Instance": "https://gitlab.example.com",
		},
		Body: `{"object_kind":"push","event_name":"push","ref":"refs/heads/main","checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7",` +
			`"project_id":15,"commits":[{"id":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","timestamp":"{time}"}],"total_commits_count":1}`,
	}
	return p
}
