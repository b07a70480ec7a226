package oracles

import (
	"errors"
	"strconv"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	openaioption "github.com/openai/openai-go/v3/option"
	openai "github.com/openai/openai-go/v3/webhooks"
	"github.com/replicate/replicate-go"
	"github.com/resend/resend-go/v2"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/hookwicket/hookwicket/verifiers"
)

const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// standardSign signs as the specification's own library does.
func standardSign(r *verifiers.Request, now time.Time, id string) error {
	w, err := standard.NewWebhook(whsec)
	if err != nil {
		return err
	}
	sig, err := w.Sign(id, now, r.Body)
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Webhook-Signature", sig)
	return err
}

func standardVerify(r *verifiers.Request) error {
	w, err := standard.NewWebhook(whsec)
	if err != nil {
		return err
	}
	return w.Verify(r.Body, r.Header)
}

func svixSign(r *verifiers.Request, now time.Time, id string) error {
	w, err := svix.NewWebhook(whsec)
	if err != nil {
		return err
	}
	sig, err := w.Sign(id, now, r.Body)
	r.Header.Set("Svix-Id", id)
	r.Header.Set("Svix-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Svix-Signature", sig)
	return err
}

func svixVerify(r *verifiers.Request) error {
	w, err := svix.NewWebhook(whsec)
	if err != nil {
		return err
	}
	return w.Verify(r.Body, r.Header)
}

func init() {
	const standardLib = "github.com/standard-webhooks/standard-webhooks/libraries"
	for _, slug := range []string{"standard-webhooks", "gitlab-signing"} {
		judges = append(judges, judge{provider: slug, sdk: standardLib, secret: whsec, sign: standardSign, verify: standardVerify})
	}
	// These say themselves that they send through Svix.
	const svixLib = "github.com/svix/svix-webhooks"
	for _, slug := range []string{"svix", "clerk", "brex", "stytch", "render", "incident-io", "lithic", "beehiiv", "pleo", "guesty", "sardine", "safebase"} {
		judges = append(judges, judge{provider: slug, sdk: svixLib, secret: whsec, sign: svixSign, verify: svixVerify})
	}

	judges = append(judges, judge{
		provider: "openai", sdk: "github.com/openai/openai-go/v3", secret: whsec,
		verify: func(r *verifiers.Request) error {
			service := openai.NewWebhookService(openaioption.WithWebhookSecret(whsec))
			return service.VerifySignature(r.Body, r.Header)
		},
	}, judge{
		provider: "anthropic", sdk: "github.com/anthropics/anthropic-sdk-go", secret: whsec,
		verify: func(r *verifiers.Request) error {
			client := anthropic.NewClient(anthropicoption.WithAPIKey("unused"), anthropicoption.WithWebhookKey(whsec))
			_, err := client.Beta.Webhooks.Unwrap(r.Body, r.Header)
			return err
		},
	}, judge{
		provider: "replicate", sdk: "github.com/replicate/replicate-go", secret: whsec,
		weakness: "It checks neither the time nor the signature's version.",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			ok, err := replicate.ValidateWebhookRequest(hr, replicate.WebhookSigningSecret{Key: whsec})
			return refused(ok, err)
		},
	}, judge{
		provider: "resend", sdk: "github.com/resend/resend-go/v2", secret: whsec,
		verify: func(r *verifiers.Request) error {
			return resend.NewClient("unused").Webhooks.Verify(&resend.VerifyWebhookOptions{
				Payload: string(r.Body), WebhookSecret: whsec,
				Headers: resend.WebhookHeaders{
					Id: r.Header.Get("Svix-Id"), Timestamp: r.Header.Get("Svix-Timestamp"), Signature: r.Header.Get("Svix-Signature"),
				},
			})
		},
	})
}

// refused makes an error of a verdict.
func refused(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("the signature is wrong")
	}
	return err
}
