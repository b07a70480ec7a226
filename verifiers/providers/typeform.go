package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(typeform) }

func typeform() verifiers.Provider {
	return verifiers.Provider{
		Name:  "typeform",
		Title: "Typeform",
		Docs: []string{
			"https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
		},
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"Typeform-Signature"}, Prefix: "sha256=", Encoding: "base64"},
			Content:   "{body}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:form_response.submitted_at}", Format: "rfc3339"},
				EventID:   []string{"{json:event_id}"},
				EventType: []string{"{json:event_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "your own: the form > Connect > Webhooks > Edit"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why: "The time is when the form was submitted, and a retry does not renew it. The schedule is not documented; a week " +
				"outlasts any that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"event_id":"{id}","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"a3a12ec67a1365927098a606107fac15",` +
				`"submitted_at":"{time}","landed_at":"{time}","answers":[{"type":"text","text":"Laura","field":{"id":"DlXFaesGBpoF","type":"short_text"}}]}}`,
		},
	}
}
