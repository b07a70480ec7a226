package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// svixIngest is Svix's own list of the senders that sign as it does.
const svixIngest = "https://github.com/svix/svix-webhooks/blob/main/go/models/ingest_source_in.go"

// standardSender is the row of a provider that signs by Standard Webhooks and
// sends the headers webhook-*. types are the places of the event's type. The
// row changes the fields in which the provider differs.
func standardSender(name, title string, types []string, docs ...string) verifiers.Provider {
	return verifiers.Provider{
		Name:      name,
		Title:     title,
		Docs:      docs,
		Confirmed: true,
		Scheme:    standardTyped(types, "webhook-"),
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the webhook's settings; it starts with whsec_", Prefix: "whsec_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Standard Webhooks renews the time on each attempt and allows 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,  // the specification has a schedule as an example only
			UniqueBodies: false, // nothing says that two events cannot look alike
			Why:          standardWhy,
		},
		Sample: verifiers.Sample{IDPrefix: "msg_"},
	}
}

// svixSender is the row of a provider whose webhooks are delivered by Svix: under
// its header names, and on its schedule.
func svixSender(name, title string, types []string, docs ...string) verifiers.Provider {
	p := standardSender(name, title, types, docs...)
	p.Scheme = standardTyped(types, "svix-", "webhook-")
	p.Why = "Svix delivers the webhooks: " + title + " signs as the provider svix does, with a secret of its own."
	svixRetries(&p)
	return p
}

// svixRetries gives a row the schedule of Svix, with its sources.
func svixRetries(p *verifiers.Provider) {
	p.Dedupe.Window = 72 * time.Hour
	p.Retries = verifiers.Retries{ // at once, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 10 h
		Deadline: 15 * time.Second,
		Attempts: 8,
		Horizon:  27*time.Hour + 36*time.Minute,
	}
	const retries = "https://docs.svix.com/retries"
	p.Sources = verifiers.Sources{
		Retries:  retries,
		Deadline: retries,
		Answers:  retries,
		Repeats:  "https://docs.svix.com/receiving/verifying-payloads/how-manual",
	}
}

// standardTyped is standardScheme with other places of the event's type.
func standardTyped(types []string, starts ...string) verifiers.HMAC {
	s := standardScheme(starts...)
	s.EventType = types
	return s
}

// standardRaw is Standard Webhooks where the secret is the key as it stands. The
// provider's documentation has it base64-encoded only because the specification's
// libraries decode every secret.
func standardRaw(types []string, starts ...string) verifiers.HMAC {
	s := standardTyped(types, starts...)
	s.Secret = verifiers.SecretFormat{}
	return s
}

// standardTypes are the places where senders by Standard Webhooks that document
// no other put the type.
var standardTypes = []string{"{json:type}", "{json:event_type}", "{json:event}"}
