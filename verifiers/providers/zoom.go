package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(zoom) }

func zoom() verifiers.Provider {
	return verifiers.Provider{
		Name:  "zoom",
		Title: "Zoom",
		Docs: []string{
			"https://developers.zoom.us/docs/api/webhooks/",
			"https://github.com/zoom/webhook-sample/blob/master/index.js",
		},
		Why: "The answer to the URL's validation is made with the key of the signatures, so only a signed request gets one, " +
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
			Why:       "Zoom does not say whether a retry renews the signed time. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "An event has no ID, but its body has its time in milliseconds (event_ts) and what it happened to.",
		},
		Retries: verifiers.Retries{Deadline: 3 * time.Second},
		Sample: verifiers.Sample{
			Body: `{"event":"meeting.started","event_ts":{unix}000,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890",` +
				`"uuid":"{id}","host_id":"z8yCxTTTTSiw02QgCAp8uQ","topic":"Daily","type":2,"start_time":"{time}"}}}`,
		},
	}
}
