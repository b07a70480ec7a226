package providers_test

import "testing"

// mediaProbes are handshakes as the providers send them, and requests that resemble one.
var mediaProbes = []probe{
	{
		name: "the challenge of an event hook", slug: "okta", method: "GET",
		header: map[string]string{"X-Okta-Verification-Challenge": "bq7Ab-_x"}, want: `200 application/json {"verification":"bq7Ab-_x"}`,
	},
	{
		name: "a challenge that is a page", slug: "okta", method: "GET",
		header: map[string]string{"X-Okta-Verification-Challenge": "<script>"}, want: "403",
	},
	{
		name: "validation in the schema of Event Grid", slug: "azure-event-grid", verified: true,
		header: map[string]string{"aeg-event-type": "SubscriptionValidation"},
		body:   `[{"id":"1","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`,
		want:   `200 application/json {"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`,
	},
	{
		name: "validation without the secret", slug: "azure-event-grid",
		header: map[string]string{"aeg-event-type": "SubscriptionValidation"},
		body:   `[{"data":{"validationCode":"512d38b6"}}]`,
	},
	{
		name: "validation in the schema of CloudEvents", slug: "azure-event-grid", verified: true, method: "OPTIONS",
		header: map[string]string{"WebHook-Request-Origin": "eventgrid.azure.net"}, want: "200",
	},
	{
		name: "a subscription", slug: "strava", method: "GET", options: map[string]string{"verify_token": "STRAVA"},
		target: "?token=s&hub.verify_token=STRAVA&hub.challenge=15f7d1a91c1f40f8a748fd134752feb3&hub.mode=subscribe",
		want:   `200 application/json {"hub.challenge":"15f7d1a91c1f40f8a748fd134752feb3"}`,
	},
	{
		name: "a subscription of somebody else", slug: "strava", method: "GET", options: map[string]string{"verify_token": "STRAVA"},
		target: "?hub.verify_token=other&hub.challenge=15f7d1a9&hub.mode=subscribe", want: "403",
	},
	{
		name: "a subscription that nobody expects", slug: "strava", method: "GET",
		target: "?hub.verify_token=STRAVA&hub.challenge=15f7d1a9&hub.mode=subscribe", want: "403",
	},
	{
		name: "the right code", slug: "fitbit", method: "GET", options: map[string]string{"verification_code": "c0de"},
		target: "?verify=c0de", want: "204",
	},
	{
		name: "a wrong code", slug: "fitbit", method: "GET", options: map[string]string{"verification_code": "c0de"},
		target: "?verify=other", want: "404",
	},
	{
		name: "the right token", slug: "oura", method: "GET", options: map[string]string{"verification_token": "t0ken"},
		target: "?verification_token=t0ken&challenge=abc123", want: `200 application/json {"challenge":"abc123"}`,
	},
	{
		name: "a wrong token", slug: "oura", method: "GET", options: map[string]string{"verification_token": "t0ken"},
		target: "?verification_token=other&challenge=abc123", want: "403",
	},
	{name: "a ping", slug: "woocommerce", body: "webhook_id=17", want: "200"},
	{name: "a ping that says more", slug: "woocommerce", body: "webhook_id=17&x=1"},
	{
		name: "an event", slug: "woocommerce", body: "webhook_id=17",
		header: map[string]string{"X-WC-Webhook-Topic": "order.created"},
	},
	{
		name: "a test notification", slug: "wise", verified: true, body: `{}`,
		header: map[string]string{"X-Test-Notification": "true"}, want: "200",
	},
	{name: "a test notification, unverified", slug: "wise", body: `{}`, header: map[string]string{"X-Test-Notification": "true"}},
	{
		name: "intent to receive", slug: "xero", verified: true, want: "200",
		body: `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}`,
	},
	{name: "an event", slug: "xero", verified: true, body: `{"events":[{"resourceId":"1"}],"firstEventSequence":1}`},
	{
		name: "an empty block", slug: "moralis", verified: true, header: map[string]string{"X-Signature": "0x00"},
		body: `{"abi":[],"block":{"number":"","hash":"","timestamp":""},"chainId":"","retries":0,"streamId":""}`, want: "200",
	},
	{
		name: "a block", slug: "moralis", verified: true, header: map[string]string{"X-Signature": "0x00"},
		body: `{"block":{"number":"1","hash":"0xabc"},"chainId":"0x1","retries":0,"streamId":"s"}`,
	},
}

func TestProbes(t *testing.T) { run(t, mediaProbes) }
