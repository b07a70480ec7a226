package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(telnyx) }

// Compared in November 2026: telnyx 7.24.0 is the newest and judges this row.
func telnyx() verifiers.Provider {
	return verifiers.Provider{
		Name:  "telnyx",
		Title: "Telnyx",
		Docs: []string{
			"https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks",
			"https://github.com/team-telnyx/telnyx-node/blob/master/src/lib/webhooks.ts",
		},
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "ed25519",
			Signature: verifiers.Signature{Names: []string{"Telnyx-Signature-Ed25519"}, Encoding: "base64"},
			Content:   "{timestamp}|{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Telnyx-Timestamp}"},
				EventID:   []string{"{json:data.id}"},
				EventType: []string{"{json:data.event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "Mission Control Portal > Keys & Credentials > Public Key"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Telnyx's libraries allow 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body. Not the body: it counts the attempts.",
		},
		Sample: verifiers.Sample{
			Body: `{"data":{"event_type":"message.received","id":"{id}","occurred_at":"{time}","payload":{"direction":"inbound",` +
				`"from":{"phone_number":"+13125550001"},"text":"Hello!","type":"SMS"},"record_type":"event"},` +
				`"meta":{"attempt":1,"delivered_to":"https://hooks.example.com/telnyx"}}`,
		},
	}
}
