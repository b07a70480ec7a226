package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(svix) }

// svix is Standard Webhooks under the names that its first implementation used.
// Compared in November 2026: the npm package svix 2.5.0 and the Go module 1.44.0 are
// the newest and judge this row.
func svix() verifiers.Provider {
	p := verifiers.Provider{
		Name:  "svix",
		Title: "Svix",
		Docs: []string{
			"https://docs.svix.com/receiving/verifying-payloads/how-manual",
			"https://docs.svix.com/retries",
		},
		Why: "Svix's libraries take webhook-* headers where a svix-* header is missing; " +
			"all three have to come from one set.",
		Confirmed: true,
		Scheme:    standardScheme("svix-", "webhook-"),
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the endpoint in the App Portal > Signing Secret; it starts with whsec_", Prefix: "whsec_"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "Svix's libraries allow 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			UniqueBodies: false, // Svix's customers choose the bodies
			Why:          standardWhy,
		},
		Sample: verifiers.Sample{
			IDPrefix: "msg_",
			Body:     `{"type":"invoice.paid","data":{"id":"inv_1001","attempt":2},"timestamp":"{time}"}`,
		},
	}
	svixRetries(&p)
	return p
}
