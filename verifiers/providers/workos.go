package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(workos) }

// Compared in November 2026: @workos-inc/node 11.0.0 is the newest. It verifies as
// 8.13.0 does, which judges this row.
func workos() verifiers.Provider {
	return verifiers.Provider{
		Name:  "workos",
		Title: "WorkOS",
		Docs: []string{
			"https://workos.com/docs/events/data-syncing/webhooks",
			"https://github.com/workos/workos-go",
		},
		Why:       "The time is in milliseconds, and a space follows the comma of the list.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:     []string{"WorkOS-Signature"},
				Separator: ",",
				Assign:    "=",
				Keys:      []string{"v1"},
				Layout:    "t={timestamp}, v1={signature}",
			},
			Content: "{timestamp}.{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{param:t}", Format: "unix_ms"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "signing secret", Where: "Dashboard > Webhooks > the endpoint"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 3 * time.Minute, Future: 3 * time.Minute},
			Why:       "WorkOS's libraries allow 3 minutes, the one for Go to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID (event_…) stands in the signed body.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "event_",
			Body: `{"id":"{id}","event":"dsync.user.created","created_at":"{time}",` +
				`"data":{"id":"directory_user_1001","state":"active","object":"directory_user"}}`,
		},
	}
}
