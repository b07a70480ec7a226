package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(dropboxSign) }

// Compared in November 2026: @dropbox/sign 1.11.0 is the newest and judges this row.
func dropboxSign() verifiers.Provider {
	return verifiers.Provider{
		Name:  "dropbox-sign",
		Title: "Dropbox Sign",
		Docs: []string{
			"https://developers.hellosign.com/docs/events/walkthrough/",
			"https://github.com/hellosign/hellosign-openapi/blob/main/sdks/node/model/eventCallbackHelper.ts",
		},
		Why: "The event stands in the field json of a form. Only its time and its type are signed, and the rest is not proved. All " +
			"events of one type in one second have the same signature.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{From: "json", Names: []string{"event.event_hash"}},
			Content:   "{json:event.event_time}{json:event.event_type}",
			Facts: verifiers.Facts{
				Document:  []string{"{form:json}"},
				Timestamp: verifiers.Timestamp{From: "{json:event.event_time}"},
				EventID: []string{
					"{json:signature_request.signature_request_id}:{json:event.event_metadata.related_signature_id}",
					"{json:signature_request.signature_request_id}",
					"{json:template.template_id}",
					"{json:account.account_id}",
					"{json:account_guid}",
				},
				EventType: []string{"{json:event.event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API key", Where: "Settings > API"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: eventTime(96 * time.Hour),
			Why: "A retry does not renew the time, and Dropbox Sign tries for about three days. The limit is there because the body is not signed: " +
				"a signature must not serve for ever.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: 120 * time.Hour,
			Why: "The object of the event, outside the signature, counts together with the time and the type inside. " +
				"Those two by themselves can be the same for several events.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200, Type: "text/plain", Body: "Hello API Event Received"},
		},
		Retries: verifiers.Retries{Horizon: 72 * time.Hour},
		Sources: verifiers.Sources{
			Retries: "https://developers.hellosign.com/api/manual-reference-pages/glossary/callbacks-events",
			Answers: "https://developers.hellosign.com/api/manual-reference-pages/glossary/callbacks-events",
		},
		Sample: verifiers.Sample{
			Body: `{"event":{"event_time":"{unix}","event_type":"signature_request_signed","event_hash":"","event_metadata":` +
				`{"related_signature_id":"ad4d8a769b555fa5ef38691465d426682bf2c992"}},"signature_request":{"signature_request_id":"{id}","title":"NDA"}}`,
		},
	}
}
