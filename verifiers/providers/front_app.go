package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(frontApp) }

func frontApp() verifiers.Provider {
	return verifiers.Provider{
		Name:  "front-app",
		Title: "Front (application webhooks)",
		Docs: []string{
			"https://dev.frontapp.com/docs/application-webhooks",
			"https://dev.frontapp.com/docs/security-1",
		},
		Why:       "The webhooks of rules are another thing: they are signed with SHA-1 over the body alone.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Front-Signature"}, Encoding: "base64"},
			Content:   "{timestamp}:{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Front-Request-Timestamp}", Format: "unix_ms"},
				EventType: []string{"{json:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "application signing key", Where: "Settings > Company > Developers > the app > Basic information"},
		Handshakes: []verifiers.Handshake{{
			Name:     "challenge",
			When:     []verifiers.Condition{{Of: "{header:X-Front-Challenge}"}},
			Verified: true,
			Guard:    []verifiers.Condition{{Of: "{header:X-Front-Challenge}", Like: "[!-~]{1,256}"}},
			Type:     "application/json",
			Body:     `{{"challenge":"{header:X-Front-Challenge}"}}`,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Front recommends 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "The payload is the event with its ID and time, which distinguish bodies; where the ID stands depends on the kind of event.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"inbound_received","authorization":{"id":"cmp_abc"},"payload":{"id":"{id}","type":"inbound",` +
				`"emitted_at":{unix},"conversation":{"id":"cnv_55c8c149","subject":"You broke my heart"}}}`,
		},
	}
}
