package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() {
	register(hubspotV1)
	register(hubspotV2)
	register(hubspotV3)
}

const hubspotDocs = "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation"

const hubspotBatch = "A body holds up to 100 events of different kinds. It counts the attempts, so a retry is another body, " +
	"and its ID need not be unique, HubSpot says. So only replays are recognised. The app can tell a retry by eventId and occurredAt."

var (
	hubspotSecret  = verifiers.SecretInfo{Name: "client secret", Where: "the app > Auth"}
	hubspotRetries = verifiers.Retries{Deadline: 5 * time.Second, Attempts: 11, Horizon: 24 * time.Hour}
	hubspotEvents  = `[{"eventId":{unix},"subscriptionId":12345,"portalId":62515,"occurredAt":{unix}000,"subscriptionType":"contact.creation",` +
		`"attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]`
)

// hubspotDigest is the scheme of the versions before HMAC. Both write the same
// headers, so the version has to be the right one.
func hubspotDigest(version, content string) verifiers.HMAC {
	return verifiers.HMAC{
		Digest:    true,
		Signature: verifiers.Signature{Names: []string{"X-HubSpot-Signature"}},
		Content:   content,
		Facts: verifiers.Facts{
			Require: []verifiers.Condition{{Of: "{header:X-HubSpot-Signature-Version}", Is: []string{version}}},
		},
	}
}

// Compared in November 2026: @hubspot/api-client 14.0.1 is the newest and judges these rows.
func hubspotV1() verifiers.Provider {
	return verifiers.Provider{
		Name:  "hubspot-v1",
		Title: "HubSpot (signature v1)",
		Docs:  []string{hubspotDocs, "https://developers.hubspot.com/docs/faq/v1-request-validation"},
		Why: "A plain hash with the secret in front, without a time, that HubSpot keeps sending to older apps beside v3. " +
			"Prefer hubspot-v3 where its header is sent too.",
		Confirmed: true,
		Scheme:    hubspotDigest("v1", "{secret}{body}"),
		Secret:    hubspotSecret,
		Freshness: verifiers.Freshness{Why: "Each of the events has its own time, which a retry does not renew."},
		Dedupe:    verifiers.Dedupe{By: verifiers.ByDigest, Window: week, UniqueBodies: true, Why: hubspotBatch},
		Retries:   hubspotRetries,
		Sources: verifiers.Sources{
			Retries:  "https://developers.hubspot.com/docs/api/webhooks",
			Deadline: "https://developers.hubspot.com/docs/api/webhooks",
			Answers:  "https://developers.hubspot.com/docs/api/webhooks",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-HubSpot-Signature-Version": "v1"},
			Body:   hubspotEvents,
		},
	}
}

func hubspotV2() verifiers.Provider {
	scheme := hubspotDigest("v2", "{secret}{method}{url}{body}")
	scheme.EventID = []string{"{json:callbackId}"}
	return verifiers.Provider{
		Name:  "hubspot-v2",
		Title: "HubSpot (signature v2: workflows and cards)",
		Docs:  []string{hubspotDocs, "https://developers.hubspot.com/docs/faq/v2-request-validation"},
		Why: "A plain hash with the secret in front, over the method and the URL as well. Behind anything that changes scheme, host or path, " +
			"give the URL that HubSpot calls with public_url. A card waits for its content: leave out forward there.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    hubspotSecret,
		Methods:   []string{"POST", "GET"},
		Freshness: verifiers.Freshness{Why: "HubSpot sends no time with this version."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: week,
			Why: "A workflow's custom action has a callback ID in the signed body. Other requests have none and may well repeat, " +
				"such as that for the same card: they all pass.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-HubSpot-Signature-Version": "v2"},
			Body: `{"callbackId":"{id}","origin":{"portalId":102670506,"actionDefinitionId":10646377,"actionDefinitionVersion":1},` +
				`"object":{"objectId":904,"objectType":"CONTACT"},"inputFields":{"widgetColor":"blue"}}`,
		},
	}
}

func hubspotV3() verifiers.Provider {
	return verifiers.Provider{
		Name:  "hubspot-v3",
		Title: "HubSpot",
		Docs:  []string{hubspotDocs, "https://github.com/HubSpot/hubspot-api-nodejs/blob/master/src/utils/signature.ts"},
		Why: "HubSpot signs the URL with twelve of its escapes decoded. Behind anything that changes scheme, host or path, " +
			"give the URL that HubSpot calls with public_url.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-HubSpot-Signature-v3"}, Encoding: "base64"},
			Content:   "{method}{url.decoded}{body}{timestamp}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-HubSpot-Request-Timestamp}", Format: "unix_ms"},
			},
		},
		Secret: hubspotSecret,
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "HubSpot asks for 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          hubspotBatch + " Requests of cards and extensions may repeat: give them an endpoint with dedupe off.",
		},
		Retries: hubspotRetries,
		Sources: verifiers.Sources{
			Retries:  "https://developers.hubspot.com/docs/api/webhooks",
			Deadline: "https://developers.hubspot.com/docs/api/webhooks",
			Answers:  "https://developers.hubspot.com/docs/api/webhooks",
		},
		Sample: verifiers.Sample{Body: hubspotEvents},
	}
}
