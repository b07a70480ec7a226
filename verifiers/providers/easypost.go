package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(easypost) }

// Compared in November 2026: @easypost/api 8.9.0 is the newest and judges this row.
func easypost() verifiers.Provider {
	return verifiers.Provider{
		Name:  "easypost",
		Title: "EasyPost",
		Docs: []string{
			"https://docs.easypost.com/guides/webhooks-guide",
			"https://github.com/EasyPost/easypost-go/blob/master/webhook_test.go",
		},
		Why: "The secret is brought into Unicode's normal form KD before it becomes the key, so that é may be pasted either way. " +
			"Bodies have floats such as 614.0: written anew they verify no more.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:  []string{"X-Hmac-Signature"},
				Prefix: "hmac-sha256-hex=",
			},
			Secret:  verifiers.SecretFormat{Normalise: "nfkd"},
			Content: "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:created_at}", Format: "rfc3339"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:description}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "webhook secret", Where: "your own choice, given when the webhook is created"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is the event's own, which a retry does not renew. The schedule is not documented; a week outlasts any " +
				"that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID (evt_…) stands in the signed body. The URLs that are still to be called stand there too, so a digest is no key.",
		},
		Sample: verifiers.Sample{
			IDPrefix: "evt_",
			Body: `{"description":"tracker.updated","mode":"production","created_at":"{time}","id":"{id}","object":"Event","status":"pending",` +
				`"result":{"id":"trk_1001","object":"Tracker","status":"in_transit","weight":614.0}}`,
		},
	}
}
