package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(incidentIO) }

func incidentIO() verifiers.Provider {
	p := svixSender("incident-io", "incident.io", []string{"{json:event_type}"}, "https://api-docs.incident.io/", svixIngest)
	p.Scheme = standardTyped([]string{"{json:event_type}"}, "webhook-", "svix-")
	p.Secret.Where = "incident.io > Settings > Webhooks > the endpoint > Signing secret"
	p.Sample.Body = `{"event_type":"public_incident.incident_created_v2","public_incident.incident_created_v2":` +
		`{"id":"01FDAG4SAP5TYPT98WGR2N7W91","reference":"INC-123","name":"Example","created_at":"{time}"}}`
	return p
}
