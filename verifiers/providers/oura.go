package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(oura) }

func oura() verifiers.Provider {
	return verifiers.Provider{
		Name:  "oura",
		Title: "Oura",
		Docs:  []string{"https://cloud.ouraring.com/v2/docs#tag/Webhook-Subscription-Routes"},
		Why:   "The time stands right before the body in the signed content. Signatures are in upper-case hex; either case is taken.",
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"x-oura-signature"},
				Encoding: "hex_upper",
			},
			Content: "{header:x-oura-timestamp}{body}",
			Facts: verifiers.Facts{
				Require:   apart("{header:x-oura-timestamp}"),
				EventID:   []string{"{json:object_id}:{json:event_type}:{json:event_time}"},
				EventType: []string{"{json:data_type}.{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "client secret", Where: "cloud.ouraring.com > API Applications > the application"},
		Options: []verifiers.Option{{
			Name:   "verification_token",
			What:   "the verification_token that you give when you create the subscription; without it the subscription cannot be confirmed",
			Secret: true,
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "verification",
			Method: "GET",
			When: []verifiers.Condition{
				{Of: "{query:verification_token}"},
				{Of: "{query:challenge}"},
			},
			Guard: []verifiers.Condition{
				{Of: "{query:verification_token}", Is: []string{"{option:verification_token}"}},
				{Of: "{query:challenge}", Like: `[A-Za-z0-9._~-]{1,256}`},
			},
			Type: "application/json",
			Body: `{{"challenge":"{query:challenge}"}}`,
		}},
		Freshness: verifiers.Freshness{Why: "x-oura-timestamp is signed, but no document names its unit, so it is taken as text. Others have seen milliseconds."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why:    "There is no ID, but an object has one event of a kind at one moment. A body without its time is not deduplicated.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second},
		Sample: verifiers.Sample{
			Header: map[string]string{"x-oura-timestamp": "{unix}"},
			Body:   `{"event_type":"update","data_type":"daily_sleep","object_id":"{id}","event_time":"{time}","user_id":"ea8f05d5-5b5b-4c8a-9c3a-8a6f1d1f6f5a"}`,
		},
	}
}
