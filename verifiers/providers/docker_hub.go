package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(dockerHub) }

func dockerHub() verifiers.Provider {
	return verifiers.Provider{
		Name:  "docker-hub",
		Title: "Docker Hub",
		Docs:  []string{"https://docs.docker.com/docker-hub/repos/manage/webhooks/"},
		Why: "Docker Hub signs nothing and sends no secret. The only thing that can be kept from others is the URL: " +
			"register it with ?token=… and let that be the secret. The gateway never calls the callback_url of the body, which anybody could have written.",
		Confirmed: true,
		Scheme: verifiers.Token{
			From:  "query",
			Names: []string{"token"},
		},
		Secret:    verifiers.SecretInfo{Name: "token", Where: "make one up and put it into the URL that you register: https://…?token=…"},
		Freshness: verifiers.Freshness{Why: "The only time is that of the push, which Docker Hub has spelled as a fraction too."},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByDigest,
			Window: week,
			Why:    "There is no event ID. The body has the time of the push and a callback URL of its own, so equal bodies are one event.",
		},
		Sample: verifiers.Sample{
			Body: `{"callback_url":"https://registry.hub.docker.com/u/example/repo/hook/{uuid}/","push_data":{"pushed_at":{unix},"pusher":"example","tag":"latest"},` +
				`"repository":{"name":"repo","namespace":"example","repo_name":"example/repo","repo_url":"https://hub.docker.com/r/example/repo"}}`,
		},
	}
}
