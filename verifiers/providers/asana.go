package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(asana) }

func asana() verifiers.Provider {
	return verifiers.Provider{
		Name:  "asana",
		Title: "Asana",
		Docs: []string{
			"https://developers.asana.com/docs/webhooks-guide",
			"https://github.com/Asana/devrel-examples",
		},
		Why: "Asana makes up the secret of a webhook and hands it over in the first request, which is not signed. " +
			"It is taken only while the endpoint says enrol.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Hook-Signature"}},
			Content:   "{body}",
		},
		Secret: verifiers.SecretInfo{
			Name:   "X-Hook-Secret",
			Where:  "the webhook's first request: let the endpoint learn it with enrol",
			Learnt: true,
		},
		Handshakes: []verifiers.Handshake{{
			Name:   "hook_secret",
			When:   []verifiers.Condition{{Of: "{header:X-Hook-Secret}"}},
			Guard:  []verifiers.Condition{{Of: "{header:X-Hook-Secret}", Like: "[A-Za-z0-9_-]{16,256}"}},
			Enrols: "{header:X-Hook-Secret}",
			Header: map[string]string{"X-Hook-Secret": "{header:X-Hook-Secret}"},
		}},
		Freshness: verifiers.Freshness{Why: "Each of a body's events has its own time; the request has none."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "Events have no ID, but each has its time in milliseconds and its resource. " +
				"Heartbeats, whose list of events is empty, are all alike: one of them is forwarded, the others are answered.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Handshakes: "Asana/openapi, defs/asana_oas.yaml",
		},
		Sample: verifiers.Sample{
			Body: `{"events":[{"user":{"gid":"1204619611402340","resource_type":"user"},"created_at":"{time}","action":"changed",` +
				`"resource":{"gid":"1205651321192434","resource_type":"task"},"parent":null,"change":{"field":"due_on","action":"changed"}}]}`,
		},
	}
}
