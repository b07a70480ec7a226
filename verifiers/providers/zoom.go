package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(zoom) }

// Compared in November 2026: @zoom/rivet 0.4.0 is the newest and judges this row. Zoom
// repeats the URL's validation every 72 hours, which the handshake answers as well.
func zoom() verifiers.Provider {
	return verifiers.Provider{
		Name:  "zoom",
		Title: "Zoom",
		Docs: []string{
			"https://developers.zoom.us/docs/api/webhooks/",
			"https://developers.zoom.us/blog/webhook-delays/", // the retries
			"https://developers.zoom.us/changelog/platform/webhook-url-validation/",
			"https://github.com/zoom/webhook-sample/blob/master/index.js",
		},
		Why: "The answer to the URL's validation is made with the key of the signatures. So only a signed request gets one, " +
			"and only for a token of which no signed content can be made.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Zm-Signature"}, Prefix: "v0="},
			Content:   "v0:{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Zm-Request-Timestamp}"},
				EventType: []string{"{json:event}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret token", Where: "App Marketplace > the app > Features > Access > Token"},
		Handshakes: []verifiers.Handshake{{
			Name:     "url_validation",
			When:     []verifiers.Condition{{Of: "{json:event}", Is: []string{"endpoint.url_validation"}}},
			Verified: true,
			Guard:    []verifiers.Condition{{Of: "{json:payload.plainToken}", Like: "[A-Za-z0-9_-]{1,128}"}},
			Proof:    verifiers.Proof{Content: "{json:payload.plainToken}"},
			Type:     "application/json",
			Body:     `{{"plainToken":"{json:payload.plainToken}","encryptedToken":"{proof}"}}`,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: withinWeek,
			Why: "Zoom does not say whether a retry renews the signed time. It tries for 85 minutes; a week leaves room for " +
				"disruptions.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "An event has no ID, but its body has its time in milliseconds (event_ts) and its object.",
		},
		Retries: verifiers.Retries{ // 5 m, 20 m, 60 m after one another
			Deadline: 3 * time.Second,
			Attempts: 4,
			Horizon:  85 * time.Minute,
		},
		Sources: verifiers.Sources{
			Retries:  "https://developers.zoom.us/blog/webhook-delays.md",
			Deadline: "https://developers.zoom.us/blog/webhook-delays.md",
			Answers:  "https://developers.zoom.us/blog/webhook-delays.md",
		},
		Sample: verifiers.Sample{
			Body: `{"event":"meeting.started","event_ts":{unix}000,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890",` +
				`"uuid":"{id}","host_id":"z8yCxTTTTSiw02QgCAp8uQ","topic":"Daily","type":2,"start_time":"{time}"}}}`,
		},
	}
}
