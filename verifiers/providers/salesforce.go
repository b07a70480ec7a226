package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(salesforce) }

func salesforce() verifiers.Provider {
	return verifiers.Provider{
		Name:  "salesforce",
		Title: "Salesforce (outbound messages)",
		Docs: []string{
			"https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm",
			"https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm",
			"https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_security.htm",
		},
		Confirmed: true,
		Why: "Salesforce signs nothing. The secret is one of your own that stands in the endpoint's URL, as ?token=…. " +
			"Keep that URL secret. Salesforce takes nothing but its own SOAP acknowledgement for an answer.",
		Scheme: verifiers.Token{From: "query", Names: []string{"token"}},
		Secret: verifiers.SecretInfo{Name: "token", Where: "your own: append ?token=… to the Endpoint URL under Setup > Outbound Messages"},
		Freshness: verifiers.Freshness{
			Why: "An outbound message has no time of its own.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "A body holds up to 100 notifications, each with an ID of its own, so no two bodies are alike. " +
				"A retry that groups them otherwise passes; the app can tell it by the IDs.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{
				Status: 200,
				Type:   "text/xml; charset=utf-8",
				Body: `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
					`<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>`,
			},
		},
		Retries: verifiers.Retries{Deadline: time.Minute, Horizon: 24 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "https://developer.salesforce.com/docs/atlas.en-us.246.0.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm",
			Deadline: "https://help.salesforce.com/s/articleView?id=platform.workflow_om_considerations.htm",
			Answers:  "https://community.make.com/t/how-to-run-salesforce-watch-record-field-module-imediately/16272/4",
		},
		Sample: verifiers.Sample{
			Type: "text/xml; charset=utf-8",
			Body: `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
				`<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001AAA</OrganizationId>` +
				`<Notification><Id>{id}</Id><sObject xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>001000000000001AAA</sf:Id></sObject></Notification>` +
				`</notifications></soapenv:Body></soapenv:Envelope>`,
		},
	}
}
