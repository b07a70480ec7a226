package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(agora) }

func agora() verifiers.Provider {
	return verifiers.Provider{
		Name:  "agora",
		Title: "Agora notifications",
		Docs: []string{
			"https://docs.agora.io/en/voice-calling/advanced-features/receive-notifications",
			"https://docs.agora.io/cn/Video/signature_verify",
		},
		Why: "Each request is signed twice: Agora-Signature is HMAC-SHA1 and is ignored, " +
			"Agora-Signature-V2 is HMAC-SHA256 and is checked.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Agora-Signature-V2"}},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:notifyMs}", Format: "unix_ms"},
				EventID:   []string{"{json:noticeId}"},
				EventType: []string{"{json:eventType}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "Agora Console > the project > Notifications"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "notifyMs stands in the signed body and is renewed on a retry.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "noticeId names the event. The time beside it makes each attempt another body, so a digest is no key.",
		},
		Answers: verifiers.Answers{ // the body has to be JSON
			Success: verifiers.Answer{Status: 200, Type: "application/json", Body: `{}`},
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Attempts: 4},
		Sources: verifiers.Sources{
			Deadline: "https://docs.agora.io/en/media-push/develop/receive-notifications",
			Answers:  "https://docs.agora.io/en/media-push/develop/receive-notifications",
		},
		Sample: verifiers.Sample{
			Body: `{"noticeId":"{id}","productId":1,"eventType":101,"notifyMs":{unix}000,"payload":{"channelName":"test"}}`,
		},
	}
}
