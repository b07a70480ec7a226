package oracles

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/url"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/bwmarrin/discordgo"
	"github.com/google/go-github/v74/github"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/mailgun/mailgun-go/v5"
	"github.com/mailgun/mailgun-go/v5/mtypes"
	//lint:ignore SA1019 nothing else of theirs checks the old signatures, which are still sent
	"github.com/messagebird/go-rest-api/v9/signature"
	"github.com/messagebird/go-rest-api/v9/signature_jwt"
	"github.com/nicklaw5/helix/v2"
	"github.com/pusher/pusher-http-go/v5"
	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"
	"github.com/slack-go/slack"
	twilio "github.com/twilio/twilio-go/client"
	"github.com/workos/workos-go/v6/pkg/webhooks"

	"github.com/hookwicket/hookwicket/verifiers"
)

const (
	twilioURL = "https://hooks.example.com/myapp.php?foo=1&bar=2"
	birdURL   = "https://hooks.example.com/bird?a=b"
)

// Keys that are nobody's, made anew for each run.
var (
	ed25519Public, ed25519Private, _ = ed25519.GenerateKey(rand.Reader)
	ecdsaPrivate, _                  = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
)

func pemOf(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func spkiOf(key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func init() {
	judges = append(judges, judge{
		provider: "github", sdk: "github.com/google/go-github/v74", secret: "It's a Secret to Everybody",
		verify: func(r *verifiers.Request) error {
			return github.ValidateSignature(r.Header.Get("X-Hub-Signature-256"), r.Body, []byte("It's a Secret to Everybody"))
		},
	}, judge{
		provider: "slack", sdk: "github.com/slack-go/slack", secret: "8f742231b10e8888abcd99yyyzzz85a5",
		verify: func(r *verifiers.Request) error {
			v, err := slack.NewSecretsVerifier(r.Header, "8f742231b10e8888abcd99yyyzzz85a5")
			if err != nil {
				return err
			}
			if _, err := v.Write(r.Body); err != nil {
				return err
			}
			return v.Ensure()
		},
	}, judge{
		provider: "pagerduty-v3", sdk: "github.com/PagerDuty/go-pagerduty", secret: "test secret",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			return webhookv3.VerifySignature(hr, "test secret")
		},
	}, judge{
		provider: "discord", sdk: "github.com/bwmarrin/discordgo",
		secret: hex.EncodeToString(ed25519Public), private: pemOf(ed25519Private),
		weakness: "It checks no time.",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			return refused(discordgo.VerifyInteraction(hr, ed25519Public), nil)
		},
	}, judge{
		provider: "twilio", sdk: "github.com/twilio/twilio-go", secret: "12345", url: twilioURL,
		weakness: "Of a repeated field it signs the first value only.",
		verify: func(r *verifiers.Request) error {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil {
				return err
			}
			params := map[string]string{}
			for name := range form {
				params[name] = form.Get(name)
			}
			v := twilio.NewRequestValidator("12345")
			return refused(v.Validate(r.URL, params, r.Header.Get("X-Twilio-Signature")), nil)
		},
	}, judge{
		provider: "sendgrid", sdk: "github.com/sendgrid/sendgrid-go",
		secret: spkiOf(ecdsaPrivate.Public()), private: pemOf(ecdsaPrivate),
		weakness: "It checks no time.",
		verify: func(r *verifiers.Request) error {
			key, err := eventwebhook.ConvertPublicKeyBase64ToECDSA(spkiOf(ecdsaPrivate.Public()))
			if err != nil {
				return err
			}
			return refused(eventwebhook.VerifySignature(key, r.Body,
				r.Header.Get(eventwebhook.VerificationHTTPHeader), r.Header.Get(eventwebhook.TimestampHTTPHeader)))
		},
	}, judge{
		provider: "mailgun", sdk: "github.com/mailgun/mailgun-go/v5", secret: "key-test", blind: "body",
		weakness: "It checks no time, and the scheme does not cover the event.",
		verify: func(r *verifiers.Request) error {
			var body struct{ Signature mtypes.Signature }
			if err := json.Unmarshal(r.Body, &body); err != nil {
				return err
			}
			mg := mailgun.NewMailgun("unused")
			mg.SetWebhookSigningKey("key-test")
			return refused(mg.VerifyWebhookSignature(body.Signature))
		},
	}, judge{
		provider: "bird-jwt", sdk: "github.com/messagebird/go-rest-api/v9", secret: "test secret", url: birdURL,
		verify: func(r *verifiers.Request) error {
			_, err := signature_jwt.NewValidator("test secret").ValidateSignature(r.Header.Get("MessageBird-Signature-JWT"), r.URL, r.Body)
			return err
		},
	}, judge{
		provider: "messagebird-legacy", sdk: "github.com/messagebird/go-rest-api/v9", secret: "test secret", url: birdURL,
		weakness: "It takes times within 2.5 s of its own only.",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			return signature.NewValidator("test secret").ValidRequest(hr)
		},
	}, judge{
		provider: "line", sdk: "github.com/line/line-bot-sdk-go/v8", secret: "test_secret",
		verify: func(r *verifiers.Request) error {
			return refused(webhook.ValidateSignature("test_secret", r.Header.Get("X-Line-Signature"), r.Body), nil)
		},
	}, judge{
		provider: "twitch", sdk: "github.com/nicklaw5/helix/v2", secret: "s3cre7-of-10",
		weakness: "It checks no time.",
		verify: func(r *verifiers.Request) error {
			return refused(helix.VerifyEventSubNotification("s3cre7-of-10", r.Header, string(r.Body)), nil)
		},
	}, judge{
		provider: "workos", sdk: "github.com/workos/workos-go/v6", secret: "test secret",
		verify: func(r *verifiers.Request) error {
			_, err := webhooks.NewClient("test secret").ValidatePayload(r.Header.Get("WorkOS-Signature"), string(r.Body))
			return err
		},
	}, judge{
		provider: "pusher", sdk: "github.com/pusher/pusher-http-go/v5", secret: "test secret",
		options: map[string]string{"key": "278d425bdf160c739803"},
		verify: func(r *verifiers.Request) error {
			client := pusher.Client{Key: "278d425bdf160c739803", Secret: "test secret"}
			_, err := client.Webhook(r.Header, r.Body)
			return err
		},
	})
}
