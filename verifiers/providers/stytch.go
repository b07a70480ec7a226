package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(stytch) }

func stytch() verifiers.Provider {
	p := svixSender("stytch", "Stytch", []string{"{json:object_type}.{json:action}", "{json:action}"}, "https://stytch.com/docs", svixIngest)
	p.Secret.Where = "Stytch Dashboard > Webhooks > the endpoint > Signing secret"
	p.Sample.Body = `{"project_id":"project-test-00000000-0000-4000-8000-000000000000","event_id":"event-{uuid}","action":"CREATE",` +
		`"object_type":"user","source":"DIRECT","id":"user-test-1001","timestamp":"{time}"}`
	return p
}
