package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(gumroad) }

func gumroad() verifiers.Provider {
	return verifiers.Provider{
		Name:  "gumroad",
		Title: "Gumroad Ping",
		Docs:  []string{"https://github.com/antiwork/gumroad/blob/main/app/sidekiq/post_to_individual_ping_endpoint_worker.rb"},
		Why: "Gumroad signs nothing and sends no header of yours. So the secret is a parameter of the URL that you register, such " +
			"as ?token=…, and anybody who has seen the URL can send events. Look the sale up before you act on it.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From:  "query",
			Names: []string{"token"},
			Facts: verifiers.Facts{
				EventID:   []string{"{form:sale_id}"},
				EventType: []string{"{form:resource_name}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "token", Where: "nowhere: make one up and add it to the URL of the ping"},
		Freshness: verifiers.Freshness{Why: "The time of the sale has no documented form."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "A sale's ID also names its refund, so it is no key. A retry adds retry_count to the body: it counts as another " +
				"event, which is better than to lose one.",
		},
		Retries: verifiers.Retries{ // 60 s, 180 s, 600 s, after 499, 500, 502, 503 and 504 only
			Deadline: 5 * time.Second,
			Attempts: 4,
			Horizon:  14 * time.Minute,
		},
		Sources: verifiers.Sources{
			Retries:  "antiwork/gumroad, app/sidekiq/post_to_individual_ping_endpoint_worker.rb",
			Deadline: "antiwork/gumroad, app/sidekiq/post_to_individual_ping_endpoint_worker.rb",
			Answers:  "antiwork/gumroad, app/sidekiq/post_to_individual_ping_endpoint_worker.rb",
		},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: `` +
				`sale_id={id}&sale_timestamp={time}&resource_name=sale&seller_id=seller-1001&product_name=Pencil&price=500&email=jon%40example.com`,
		},
	}
}
