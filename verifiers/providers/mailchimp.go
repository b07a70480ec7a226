package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(mailchimp) }

func mailchimp() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mailchimp",
		Title: "Mailchimp Marketing",
		Docs: []string{
			"https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/",
			"https://github.com/mailchimp/mc-woocommerce/blob/master/bootstrap.php",
		},
		Confirmed: true,
		Why: "A webhook without a signing secret is not signed. For one with it there is mailchimp-signed. " +
			"The secret is one of your own that stands in the URL you register, as ?token=…. Keep that URL secret. Mailchimp's own plugin for WooCommerce puts a token of its own there too.",
		Scheme: verifiers.Token{
			From:  "query",
			Names: []string{"token"},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{form:fired_at}", Format: "datetime"},
				EventType: []string{"{form:type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "token", Where: "your own: append ?token=… to the URL under Audience > Settings > Webhooks"},
		Handshakes: []verifiers.Handshake{{
			Name:   "url_check",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:token}"}},
		}},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "The time is the event's own. Mailchimp tries again for 75 minutes, but how late it first sends an event is not known.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "An event has no ID, but its body names the time, the list and the member.",
		},
		Retries: verifiers.Retries{Deadline: 10 * time.Second, Horizon: 75 * time.Minute},
		Sources: verifiers.Sources{Retries: mailchimpWebhooks, Deadline: mailchimpWebhooks},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "type=subscribe&fired_at={formtime}&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054&" +
				"data%5Bemail%5D=api%40example.com&data%5Bemail_type%5D=html&data%5Bip_opt%5D=192.0.2.1",
		},
	}
}
