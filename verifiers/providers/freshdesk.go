package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(freshdesk) }

func freshdesk() verifiers.Provider {
	return verifiers.Provider{
		Name:  "freshdesk",
		Title: "Freshdesk",
		Docs:  []string{"https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules"},
		Why: "Freshdesk does not sign. Its automation rules send the user and the password that stand in the rule, " +
			"which prove nothing of the body.",
		Scheme:    verifiers.Token{From: "basic"},
		Secret:    verifiers.SecretInfo{Name: "username and password, as user:password", Where: "Admin > Automations > the rule > Trigger webhook > Requires authentication"},
		Methods:   []string{"POST", "PUT", "PATCH"},
		Freshness: verifiers.Freshness{Why: "The rule's author writes the body, so no place for a time is known."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "The rule's author writes the body, so two events may look alike. Where it has an ID of the event, name it with event_id and turn dedupe on.",
		},
		Sample: verifiers.Sample{
			Body: `{"freshdesk_webhook":{"ticket_id":1,"ticket_subject":"Help","ticket_url":"https://example.freshdesk.com/helpdesk/tickets/1",` +
				`"triggered_event":"{ticket_action:created}"}}`,
		},
	}
}
