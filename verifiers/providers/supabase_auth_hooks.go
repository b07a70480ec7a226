package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(supabaseAuthHooks) }

// supabaseAuthHooks are the questions of Supabase Auth to an app.
func supabaseAuthHooks() verifiers.Provider {
	p := standardSender("supabase-auth-hooks", "Supabase Auth hooks", []string{"{json:metadata.name}"},
		"https://supabase.com/docs/guides/auth/auth-hooks",
		"https://github.com/supabase/auth/blob/master/internal/hooks/hookshttp/hookshttp.go")
	p.Why = "Several signatures are joined by a comma and a space, where Standard Webhooks has a space. " +
		"webhook-id is signed but is another one on each attempt, so it names the attempt and no event."
	s := standardScheme("webhook-")
	s.Signature.Separator = ", "
	s.Secret.Prefixes = []string{"v1,", "whsec_"}
	s.Content = "{header:*id}.{timestamp}.{body}"
	s.EventID, s.EventType = nil, []string{"{json:metadata.name}"}
	p.Scheme = s
	p.Secret = verifiers.SecretInfo{Name: "secret", Where: "Supabase > Authentication > Hooks > the hook; it starts with v1,whsec_", Prefix: "v1,whsec_"}
	p.Synchronous = "Supabase Auth waits for the answer. Its body decides whether the person may sign in, and the content of the token."
	p.Dedupe = verifiers.Dedupe{
		By:  verifiers.ByNothing,
		Why: "Each attempt is a question that needs the app's own answer, and a repetition looks like a new question.",
	}
	p.Retries = verifiers.Retries{Deadline: 5 * time.Second, Attempts: 3}
	const source = "supabase/auth, internal/hooks/hookshttp/hookshttp.go"
	p.Sources = verifiers.Sources{Retries: source, Deadline: source}
	p.AttemptID = "webhook-id"
	p.Sample = verifiers.Sample{
		Header: map[string]string{"webhook-id": "{uuid}"},
		Body: `{"metadata":{"uuid":"{uuid}","time":"{time}","name":"before-user-created","ip_address":"203.0.113.7"},` +
			`"user":{"id":"00000000-0000-4000-8000-000000000001","email":"reader@example.org"}}`,
	}
	return p
}
