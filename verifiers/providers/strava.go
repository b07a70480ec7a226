package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(strava) }

func strava() verifiers.Provider {
	return verifiers.Provider{
		Name:  "strava",
		Title: "Strava",
		Docs: []string{
			"https://developers.strava.com/docs/webhooks/",
		},
		Confirmed: true,
		Why: "Strava signs nothing. The secret stands in the callback URL, as ?token=…, and anybody who learns the URL can send events. " +
			"Treat one as a reason to ask Strava's API.",
		Scheme: verifiers.Token{
			From:  "query",
			Names: []string{"token"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{json:event_time}"},
				EventType: []string{"{json:object_type}.{json:aspect_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "secret", Where: "your own choice; append ?token=… to the callback_url of the subscription"},
		Options: []verifiers.Option{{
			Name:   "verify_token",
			What:   "the verify_token that you give when you create the subscription; without it the subscription cannot be confirmed",
			Secret: true,
		}},
		Handshakes: []verifiers.Handshake{{
			Name:   "subscription",
			Method: "GET",
			When: []verifiers.Condition{
				{Of: "{query:hub.mode}", Is: []string{"subscribe"}},
				{Of: "{query:hub.challenge}"},
			},
			Guard: []verifiers.Condition{
				{Of: "{query:hub.verify_token}", Is: []string{"{option:verify_token}"}},
				{Of: "{query:hub.challenge}", Like: `[A-Za-z0-9._~-]{1,256}`},
			},
			Type: "application/json",
			Body: `{{"hub.challenge":"{query:hub.challenge}"}}`,
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Optional:  true,
			Why:       "The time is the event's own, and how long Strava retries is not established. A week outlasts any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "There is no ID, but a body has the change, its object and its time. An equal body has nothing new.",
		},
		Sample: verifiers.Sample{
			Body: `{"aspect_type":"update","event_time":{unix},"object_id":1360128428,"object_type":"activity","owner_id":134815,` +
				`"subscription_id":120475,"updates":{"title":"Morning run"}}`,
		},
	}
}
