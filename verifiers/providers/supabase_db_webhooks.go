package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(supabaseDBWebhooks) }

func supabaseDBWebhooks() verifiers.Provider {
	return verifiers.Provider{
		Name:  "supabase-db-webhooks",
		Title: "Supabase database webhooks",
		Docs: []string{
			"https://supabase.com/docs/guides/database/webhooks",
			"https://github.com/supabase/supabase/blob/master/apps/docs/content/guides/database/webhooks.mdx",
			"https://github.com/supabase/pg_net/blob/master/README.md",
		},
		Confirmed: true,
		Why: "Nothing is signed: a header that is configured with the webhook is all there is. It is Authorization: Bearer … here; " +
			"for another say from header and its name. It proves nothing of the body.",
		Scheme: verifiers.Token{
			From:  "bearer",
			Facts: verifiers.Facts{EventType: []string{"{json:type}"}},
		},
		Secret:    verifiers.SecretInfo{Name: "bearer token", Where: "Database > Webhooks > the webhook > HTTP Headers, where you chose it"},
		Freshness: verifiers.Freshness{Why: "Supabase sends no time."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "There is no event ID, and a row that is changed, changed back and changed again makes equal bodies.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"INSERT","table":"orders","schema":"public","record":{"id":1001,"status":"new","created_at":"{time}"},"old_record":null}`,
		},
	}
}
