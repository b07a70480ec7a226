package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(webSub) }

func webSub() verifiers.Provider {
	return verifiers.Provider{
		Name:  "websub",
		Title: "WebSub",
		Docs:  []string{"https://www.w3.org/TR/websub/"},
		Why: "The hub chooses the hash and names it before the signature. An unsubscription is confirmed only for the topics of unsubscribe_topic: " +
			"anybody may ask a hub for one, and a confirmed one stops the events.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash: "sha256,sha1,sha384,sha512",
			Signature: verifiers.Signature{
				Names:  []string{"X-Hub-Signature"},
				Prefix: "{hash}=",
			},
			Content: "{body}",
		},
		Secret: verifiers.SecretInfo{Name: "hub.secret", Where: "the secret that you gave the hub when you subscribed"},
		Options: []verifiers.Option{
			{
				Name:    "topic",
				What:    "the topic you subscribed to, as hub.topic; without one no subscription is confirmed",
				Many:    true,
				Pattern: `https?://[!-~]+`,
				Example: "https://example.com/feed.xml",
			},
			{
				Name:    "unsubscribe_topic",
				What:    "a topic that you want to leave: the hub's question whether to stop is answered yes",
				Many:    true,
				Pattern: `https?://[!-~]+`,
				Example: "https://example.com/old.xml",
			},
		},
		Handshakes: []verifiers.Handshake{
			webSubIntent("subscribe", "{option:topic}"),
			webSubIntent("unsubscribe", "{option:unsubscribe_topic}"),
			{
				Name:   "denied", // the hub says that there is no subscription (any more)
				Method: "GET",
				When:   []verifiers.Condition{{Of: "{query:hub.mode}", Is: []string{"denied"}}},
			},
		},
		Freshness: verifiers.Freshness{Why: "Hubs send no time."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why:    "There is no event ID. The body is the topic's content, and the same content again is no news.",
		},
		Sample: verifiers.Sample{
			Type: "application/json",
			Header: map[string]string{
				"Link": `<https://hub.example.com/>; rel="hub", <https://example.com/feed.json>; rel="self"`,
			},
			Body: `{"version":"https://jsonfeed.org/version/1.1","title":"Example","items":[{"id":"{id}","content_text":"Hello","date_published":"{time}"}]}`,
		},
	}
}

// webSubIntent is a hub's question whether the subscriber wants a subscription that
// somebody asked for. The answer "no" is 404.
func webSubIntent(mode, topics string) verifiers.Handshake {
	return verifiers.Handshake{
		Name:   mode,
		Method: "GET",
		When: []verifiers.Condition{
			{Of: "{query:hub.mode}", Is: []string{mode}},
			{Of: "{query:hub.challenge}"},
		},
		Guard: []verifiers.Condition{
			{Of: "{query:hub.topic}", Is: []string{topics}},
			{Of: "{query:hub.challenge}", Like: `[!-~]{1,512}`},
		},
		Denied: 404,
		Body:   "{query:hub.challenge}",
	}
}
