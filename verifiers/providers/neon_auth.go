package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(neonAuth) }

func neonAuth() verifiers.Provider {
	return verifiers.Provider{
		Name:  "neon-auth",
		Title: "Neon Auth",
		Docs: []string{
			"https://neon.com/docs/auth/guides/webhooks",
			"https://neon.com/guides/neon-auth-webhooks-nextjs",
		},
		Why: "The payload of the detached token is the time, a dot and the body in base64url. As in every such token it is encoded once more. " +
			"Neon waits for the app's own answer to user.before_create, which allows or refuses a sign-up, and the person waits for send.otp " +
			"and send.magic_link. An endpoint that gets user.before_create must not forward after the answer.",
		Confirmed: true,
		Scheme: verifiers.JWT{
			Names:      []string{"X-Neon-Signature"},
			Algorithms: []string{"EdDSA"},
			Detached:   "{timestamp}.{body.base64url}",
			Keys: verifiers.Keys{
				URL:   "{option:auth_url}/.well-known/jwks.json",
				KeyID: "{header:X-Neon-Signature-Kid}",
			},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Neon-Timestamp}", Format: "unix_ms"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:     "public key",
			Where:    "the key of .well-known/jwks.json below the Auth URL; without one it is fetched",
			Optional: true,
		},
		Options: []verifiers.Option{{
			Name: "auth_url", What: "the Auth URL of the branch, as Neon's console shows it: its keys are published below it",
			Required: true, Fetching: true, Pattern: `https://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?`,
			Example: "https://ep-example-123456.neonauth.us-east-2.aws.neon.tech/neondb/auth",
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Neon advises five minutes, and all of its attempts are made within seconds.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body and is the same on every attempt.",
		},
		Retries:   verifiers.Retries{Deadline: 15 * time.Second, Attempts: 3, Horizon: 15 * time.Second},
		AttemptID: "X-Neon-Delivery-Attempt",
		Sample: verifiers.Sample{
			Header: map[string]string{
				"X-Neon-Signature-Kid": "01dec52b-4666-40f7-87ed-6423552eecaf",
				"X-Neon-Event-Id":      "{id}", "X-Neon-Event-Type": "user.created", "X-Neon-Delivery-Attempt": "1",
			},
			Body: `{"event_id":"{id}","event_type":"user.created","timestamp":"{time}","user":{"id":"{uuid}","email":"person@example.com"},` +
				`"event_data":{"auth_provider":"credential"}}`,
		},
	}
}
