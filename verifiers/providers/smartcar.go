package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(smartcar) }

func smartcar() verifiers.Provider {
	scheme := overBody("hex", "SC-Signature")
	scheme.EventID = []string{"{json:eventId}"}
	scheme.EventType = []string{"{json:eventType}", "{json:eventName}"}
	return verifiers.Provider{
		Name:  "smartcar",
		Title: "Smartcar",
		Docs: []string{
			"https://smartcar.com/docs/integrations/webhooks/callback-verification",
			"https://smartcar.com/docs/integrations/webhooks/best-practices/security",
			"https://github.com/smartcar/node-sdk/blob/master/index.js",
			"https://github.com/smartcar/node-sdk/blob/master/test/unit/index.js",
		},
		Why: "Smartcar tests a new webhook with a challenge. The answer is made with the key of the signatures, so only a challenge of " +
			"letters and digits gets one, of which no signed body can be made. Smartcar's library hashes the body parsed and written anew.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "application management token", Where: "the Smartcar dashboard, the application's Configuration"},
		Handshakes: []verifiers.Handshake{
			smartcarChallenge("verify", "{json:eventType}", "VERIFY", "{json:data.challenge}"),
			smartcarChallenge("verify_v2", "{json:eventName}", "verify", "{json:payload.challenge}"),
		},
		Freshness: verifiers.Freshness{Why: "Smartcar signs the body alone, and its times are those of the event."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body. Webhooks of version 2 have none: the same body again counts as a duplicate.",
		},
		Sources: verifiers.Sources{
			Repeats:    "https://smartcar.com/docs/integrations/webhooks/best-practices/security",
			Handshakes: "https://smartcar.com/docs/integrations/webhooks/callback-verification",
		},
		Sample: verifiers.Sample{
			Body: `{"eventId":"{id}","eventType":"VEHICLE_STATE","data":{"user":{"id":"{uuid}"},"vehicle":{"id":"{uuid}","make":"TESLA"},` +
				`"signals":[]},"triggers":[],"meta":{"version":"4.0","webhookId":"{uuid}","deliveredAt":"{time}","mode":"TEST"}}`,
		},
	}
}

// smartcarChallenge answers the test of a new webhook.
func smartcarChallenge(name, typ, word, challenge string) verifiers.Handshake {
	return verifiers.Handshake{
		Name:  name,
		When:  []verifiers.Condition{{Of: typ, Is: []string{word}}},
		Guard: []verifiers.Condition{{Of: challenge, Like: "[A-Za-z0-9_-]{1,128}"}},
		Proof: verifiers.Proof{Content: challenge},
		Type:  "application/json",
		Body:  `{{"challenge":"{proof}"}}`,
	}
}
