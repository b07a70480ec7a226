package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(methodFi) }

// methodFi is Method, the financial network at methodfi.com.
func methodFi() verifiers.Provider {
	scheme := overBody("hex", "Method-Webhook-Signature")
	scheme.Timestamp = verifiers.Timestamp{From: "{header:Method-Webhook-Timestamp}"}
	scheme.EventID = []string{timeAndBody}
	scheme.EventType = []string{"{json:type}"}
	scheme.Content = "{timestamp}:{body}"
	return verifiers.Provider{
		Name:  "method",
		Title: "Method",
		Docs:  []string{"https://docs.methodfi.com/changelog"},
		Why: "A webhook may have an auth_token besides, which arrives in the header Authorization and is not looked at: the " +
			"signature says more.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "hmac_secret", Where: "the one that you gave when you made the webhook"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why: "An event has no ID: its body names an object and its state, and may be the same twice. So it is known by " +
				"its signed time and its body.",
		},
		Retries: verifiers.Retries{
			Deadline: 5 * time.Second,
			Attempts: 6,
		},
		Sample: verifiers.Sample{
			Body: `{"type":"account.update","path":"/accounts/acc_1001","id":"{id}"}`,
		},
	}
}
