package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(kick) }

// kickKey is the key of which Kick's documentation says that it signs every
// webhook.
const kickKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq/+l1WnlRrGSolDMA+A8
6rAhMbQGmQ2SapVcGM3zq8ANXjnhDWocMqfWcTd95btDydITa10kDvHzw9WQOqp2
MZI7ZyrfzJuz5nhTPCiJwTwnEtWft7nV14BYRDHvlfqPUaZ+1KR4OCaO/wWIk/rQ
L/TjY0M70gse8rlBkbo2a8rKhu69RQTRsoaf4DVhDPEeSeI5jVrRDGAMGL3cGuyY
6CLKGdjVEM78g3JfYOvDU/RvfqD7L89TZ3iN94jrmWdGz34JNlEI5hqK8dd7C5EF
BEbZ5jgB8s8ReQV8H+MkuffjdAj3ajDDX3DOJMIut1lBrUVD1AaSrGCKHooWoL2e
twIDAQAB
-----END PUBLIC KEY-----
`

func kick() verifiers.Provider {
	return verifiers.Provider{
		Name:  "kick",
		Title: "Kick",
		Docs: []string{
			"https://docs.kick.com/events/webhook-security",
			"https://github.com/KickEngineering/KickDevDocs/blob/main/events/webhook-security.md",
		},
		Why: "One key signs for every app, so anybody who receives webhooks from Kick can send one of them here. " +
			"Give the broadcasters whose events are meant. The type and the subscription are not signed.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{Names: []string{"Kick-Event-Signature"}, Encoding: "base64"},
			Content:   "{id}.{timestamp}.{body}",
			Static:    []string{kickKey},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Kick-Event-Message-Timestamp}", Format: "rfc3339"},
				EventID:   []string{"{header:Kick-Event-Message-Id}"},
				EventType: []string{"{header:Kick-Event-Type}"},
				Addressee: []verifiers.Condition{{Of: "{json:broadcaster.user_id}", Is: []string{"{option:broadcaster}"}}},
			},
		},
		Secret: verifiers.SecretInfo{
			Name: "public key", Where: "https://api.kick.com/public/v1/public-key; the one that is published is known here", Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "broadcaster", What: "the user IDs of the broadcasters whose events are meant",
			Many: true, Pattern: `[0-9]+`, Example: "123456789",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "The time is that at which the message was sent. Whether a retry renews it is not documented. A week outlasts " +
				"three attempts by far.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    "Kick names the message's ID the key of idempotency; it is signed.",
		},
		Answers: verifiers.Answers{Success: verifiers.Answer{Status: 200}},
		Retries: verifiers.Retries{Attempts: 3},
		Sources: verifiers.Sources{
			Repeats: "KickEngineering/KickDevDocs, events/webhook-security.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"Kick-Event-Subscription-Id": "01JHPZ5KQ8Y4S2R7W9T3V6X0BD",
				"Kick-Event-Type":            "chat.message.sent",
				"Kick-Event-Version":         "1",
			},
			Body: `{"message_id":"{uuid}","broadcaster":{"is_anonymous":false,"user_id":123456789,"username":"broadcaster_name","channel_slug":"broadcaster_channel"},` +
				`"sender":{"is_anonymous":false,"user_id":987654321,"username":"sender_name","channel_slug":"sender_channel"},"content":"Hello","emotes":[]}`,
		},
	}
}
