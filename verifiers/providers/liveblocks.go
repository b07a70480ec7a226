package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(liveblocks) }

func liveblocks() verifiers.Provider {
	p := standardSender("liveblocks", "Liveblocks", []string{"{json:type}"},
		"https://liveblocks.io/docs/platform/webhooks",
		"https://liveblocks.io/docs/api-reference/liveblocks-node#WebhookHandler")
	p.Secret.Where = "the project's dashboard, Webhooks > the endpoint > Signing secret"
	p.Sample.Body = `{"type":"storageUpdated","data":{"projectId":"project-1001","roomId":"{id}","updatedAt":"{time}"}}`
	return p
}
