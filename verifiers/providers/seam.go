package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(seam) }

func seam() verifiers.Provider {
	p := svixSender("seam", "Seam", []string{"{json:event_type}"},
		"https://github.com/seamapi/javascript-webhook#usage",
		"https://docs.seam.co/latest/developer-tools/webhooks")
	p.Secret = verifiers.SecretInfo{Name: "webhook secret", Where: "the webhook's settings in Seam's Console", Prefix: "whsec_"}
	p.Sample.Body = `{"event_id":"{uuid}","event_type":"device.connected","device_id":"{uuid}","workspace_id":"{uuid}",` +
		`"created_at":"{time}"}`
	return p
}
