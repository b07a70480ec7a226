package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(replicate) }

// Compared in November 2026: replicate 1.4.0 is the newest and judges this row.
func replicate() verifiers.Provider {
	p := standardSender("replicate", "Replicate", []string{"{json:status}"},
		"https://replicate.com/docs/topics/webhooks/verify-webhook", "https://github.com/replicate/replicate-go", svixIngest)
	p.Why = "The type is the prediction's status. Replicate's libraries check no time; its documentation asks for it."
	p.Secret.Where = "Replicate's API: GET /v1/webhooks/default/secret"
	p.Sample.Body = `{"id":"ufawqhfynnddngldkgtslldrkq","version":"5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",` +
		`"status":"succeeded","input":{"text":"example"},"output":null,"created_at":"{time}"}`
	return p
}
