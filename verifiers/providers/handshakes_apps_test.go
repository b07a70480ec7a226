package providers_test

import (
	"net/http"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestHandshakesApps sends the handshakes of communication and business apps, and
// requests that resemble them.
func TestHandshakesApps(t *testing.T) {
	const subscribe = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
	meeting := map[string]string{"verify_token": "meaty hamster"}
	run(t, []probe{
		{name: "a ping", slug: "discord", verified: true, body: `{"version":1,"application_id":"1","type":0}`, want: "204 application/json"},
		{name: "a ping that nobody signed", slug: "discord", body: `{"version":1,"application_id":"1","type":0}`},
		{name: "an event", slug: "discord", verified: true, body: `{"version":1,"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`},
		{name: "a ping", slug: "discord-interactions", verified: true, body: `{"id":"1","type":1}`, want: `200 application/json {"type":1}`},
		{name: "a command", slug: "discord-interactions", verified: true, body: `{"id":"1","type":2}`},

		{name: "is the URL there", slug: "intercom", method: "HEAD", want: "200"},
		{name: "an event that nobody signed", slug: "intercom", body: `{"type":"notification_event","topic":"ping"}`},
		{name: "the right token", slug: "meta", options: map[string]string{"verify_token": "hamster"}, method: "GET", target: subscribe + "hamster", want: "200 text/plain; charset=utf-8 1158201444"},
		{name: "a wrong token", slug: "facebook", options: map[string]string{"verify_token": "hamster"}, method: "GET", target: subscribe + "other", want: "403"},
		{name: "no token is configured", slug: "instagram", method: "GET", target: subscribe, want: "403"},
		{name: "a token of two words", slug: "whatsapp", options: meeting, method: "GET", target: subscribe + "meaty+hamster", want: "403"},
		{
			name: "a challenge that is a page", slug: "whatsapp", options: map[string]string{"verify_token": "hamster"}, method: "GET",
			target: "?hub.mode=subscribe&hub.verify_token=hamster&hub.challenge=%3Cscript%3E", want: "403",
		},
		{
			// Both proofs are those of openssl dgst -sha256 -hmac secret.
			name: "a challenge", slug: "x", method: "GET", target: "?crc_token=challenge_string",
			want: `200 application/json {"response_token":"sha256=KVLX9CEwUdVdeJfmJAnltj/knkdCqwZJlA1u97xbErw="}`,
		},
		{name: "a challenge that is an event", slug: "x", method: "GET", target: "?crc_token=%7B%22for_user_id%22%3A%221%22%7D", want: "403"},
		{name: "an event in Unicode", slug: "x", method: "GET", target: "?crc_token=%EF%BB%BF%7B", want: "403"},
		{
			name: "a verification", slug: "twitch", verified: true, header: map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"},
			body: `{"challenge":"pogchamp-kappa-360noscope-vohiyo"}`, want: "200 text/plain; charset=utf-8 pogchamp-kappa-360noscope-vohiyo",
		},
		{
			name: "a verification that nobody signed", slug: "twitch", header: map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"},
			body: `{"challenge":"pogchamp-kappa-360noscope-vohiyo"}`,
		},
		{
			name: "a revocation is an event", slug: "twitch", verified: true, header: map[string]string{"Twitch-Eventsub-Message-Type": "revocation"},
			body: `{"subscription":{"status":"authorization_revoked"}}`,
		},
		{
			name: "a validation", slug: "zoom", verified: true, body: `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`,
			want: `200 application/json {"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"72cef096bfd47c0b8664df30d07721641e4abd7e885ba432204260db477a9a3e"}`,
		},
		{name: "a validation that asks for a signature", slug: "zoom", verified: true, body: `{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1739923528:{}"}}`, want: "403"},
		{name: "a validation that nobody signed", slug: "zoom", body: `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`},
		{name: "the button Verify", slug: "line", verified: true, body: `{"destination":"U0","events":[]}`, want: "200"},
		{name: "an event", slug: "line", verified: true, body: `{"destination":"U0","events":[{"type":"follow"}]}`},
		{name: "a check of the URL", slug: "mailchimp", method: "GET", target: "?token=secret", want: "200"},
		{name: "a check of the URL", slug: "mailchimp-signed", method: "GET", want: "200"},
		{name: "an event", slug: "mailchimp-signed", verified: true, body: "type=subscribe"},

		{name: "a check of the URL", slug: "woovi", body: `{"data_criacao":"2024-01-23T20:32:14.429Z","event":"OPENPIX:CHARGE_COMPLETED"}`, want: "200"},
		{name: "a check of the URL", slug: "woovi-hmac", body: `{"data_criacao":"2024-01-23T20:32:14.429Z","evento":"teste_webhook","event":"OPENPIX:CHARGE_COMPLETED"}`, want: "200"},
		{name: "an event with a date of creation", slug: "woovi-hmac", body: `{"data_criacao":"2024-01-23T20:32:14.429Z","event":"OPENPIX:CHARGE_COMPLETED","charge":{"status":"COMPLETED"}}`},
		{name: "a check of the URL", slug: "daily", body: `{"test":"test"}`, want: "200"},
		{name: "an event with a test in it", slug: "daily", body: `{"test":"test","id":"evt-1","type":"meeting.started"}`},
		{name: "a ping", slug: "ashby", verified: true, body: `{"action":"ping","data":{"webhookActionType":"ping"}}`, want: "200"},
		{name: "a ping that nobody signed", slug: "ashby", body: `{"action":"ping","data":{"webhookActionType":"ping"}}`},
		{name: "a ping", slug: "greenhouse", verified: true, body: `{"action":"ping","payload":{}}`, want: "200"},
		{name: "a candidate", slug: "greenhouse", verified: true, body: `{"action":"hire_candidate","payload":{}}`},
		{
			name: "a challenge", slug: "smartcar", body: `{"eventType":"VERIFY","data":{"challenge":"nsQsLU7wY9WKt2IU"}}`,
			want: `200 application/json {"challenge":"5cdb82317c2943fc0bcf5ab989990d1e97781d9c61461811c9949f4ca38e61d7"}`,
		},
		{
			name: "a challenge of version 2", slug: "smartcar", body: `{"version":"2.0","eventName":"verify","payload":{"challenge":"nsQsLU7wY9WKt2IU"}}`,
			want: `200 application/json {"challenge":"5cdb82317c2943fc0bcf5ab989990d1e97781d9c61461811c9949f4ca38e61d7"}`,
		},
		{name: "a challenge that asks for a signature", slug: "smartcar", body: `{"eventType":"VERIFY","data":{"challenge":"{\"eventType\":\"VEHICLE_STATE\"}"}}`, want: "403"},
		{name: "an event", slug: "smartcar", body: `{"eventType":"VEHICLE_STATE","data":{"challenge":"nsQsLU7wY9WKt2IU"}}`},
		{name: "a check of the URL", slug: "trello", method: "HEAD", want: "200"},
		{name: "a check of the URL", slug: "mailersend", body: `{"type":"webhook.test","message":"This is a ping test message","created_at":"2026-03-27T07:24:20.577080Z"}`, want: "200"},
		{name: "an activity", slug: "mailersend", body: `{"type":"activity.sent","data":{"type":"webhook.test"}}`},
		{name: "a challenge", slug: "nylas", method: "GET", target: "?challenge=bc609b38-c81f-47fb-a275-1d9bd61a968b", want: "200 text/plain; charset=utf-8 bc609b38-c81f-47fb-a275-1d9bd61a968b"},
		{name: "a challenge that is a page", slug: "nylas", method: "GET", target: "?challenge=%3Cscript%3Ealert(1)%3C/script%3E", want: "403"},
		{name: "a challenge", slug: "dropbox", method: "GET", target: "?challenge=Vk2Vzkd_6w", want: "200 text/plain; charset=utf-8 Vk2Vzkd_6w"},
		{name: "a challenge that is a page", slug: "dropbox", method: "GET", target: "?challenge=%3Cscript%3Ealert(1)%3C/script%3E", want: "403"},
		{
			name: "a challenge", slug: "front-app", verified: true, header: map[string]string{"X-Front-Challenge": `a"b`},
			body: `{"type":"sync","authorization":{"id":"cmp_abc"}}`, want: `200 application/json {"challenge":"a\"b"}`,
		},
		{name: "a challenge that nobody signed", slug: "front-app", header: map[string]string{"X-Front-Challenge": "abc"}, body: `{"type":"sync"}`},
		{name: "an event that mentions a token", slug: "notion", body: `{"id":"1","type":"page.created","verification_token":"secret_0123456789abcdef"}`},
	})
}

// TestEnrolmentsApps hands over secrets, as providers do that make them up.
func TestEnrolmentsApps(t *testing.T) {
	const asana, notion = "b537207f20cbfa02357cf448134da559", "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
	for _, c := range []struct {
		slug, header, body, secret string
		status                     int
	}{
		{"asana", asana, "", asana, 200},
		{"asana", "short", "", "", 403},
		{"asana", "<script>alert(1)</script>", "", "", 403},
		{"notion", "", `{"verification_token":"` + notion + `"}`, notion, 200},
		{"notion", "", `{"verification_token":"two words"}`, "", 403},
	} {
		r := &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/in", Header: http.Header{}, Body: []byte(c.body)}
		if c.header != "" {
			r.Header.Set("X-Hook-Secret", c.header)
		}
		reply, ok := handshakesOf(t, c.slug, nil).Answer(r, false)
		if !ok || reply.Status != c.status || reply.Enrol != c.secret {
			t.Errorf("%s: %v %d, enrols %t", c.slug, ok, reply.Status, reply.Enrol != "")
		}
		if c.slug == "asana" && c.secret != "" && reply.Header.Get("X-Hook-Secret") != asana {
			t.Error("asana: the answer lacks the secret")
		}
	}
}
