package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(messagebirdLegacy) }

func messagebirdLegacy() verifiers.Provider {
	return verifiers.Provider{
		Name:  "messagebird-legacy",
		Title: "MessageBird (signature before the JWT)",
		Docs:  []string{"https://github.com/messagebird/messagebird-nodejs/blob/master/lib/signature.js"},
		Why: "MessageBird has replaced this signature by a JWT (bird-jwt), which covers the URL as well. " +
			"Here the query is signed, sorted by name, but not the path.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"MessageBird-Signature"}, Encoding: "base64"},
			Content:   "{timestamp}\n{query.sorted}\n{body.sha256.raw}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:MessageBird-Request-Timestamp}"},
				EventID:   []string{"{query:id}:{query:status}:{query:statusDatetime}"},
				EventType: []string{"{query:status}"},
			},
		},
		Secret:  verifiers.SecretInfo{Name: "signing key", Where: "Dashboard > Developers > API settings"},
		Methods: []string{"GET", "POST"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "MessageBird's library for Node allows 100 seconds, so the time is the attempt's; 5 minutes forgive slow clocks.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A status report is a GET whose signed query has the message, its status and the time. " +
				"Other requests have nothing in common to be recognised by, and a GET has no body that could tell them apart.",
		},
		Sample: verifiers.Sample{Body: `{"id":"{id}","recipient":"31612345678","originator":"MessageBird","body":"Hello","createdDatetime":"{time}"}`},
	}
}
