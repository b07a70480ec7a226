package oracles

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/EasyPost/easypost-go/v5"
	"github.com/PaddleHQ/paddle-go-sdk/v4"
	"github.com/adyen/adyen-go-api-library/v21/src/hmacvalidator"
	adyen "github.com/adyen/adyen-go-api-library/v21/src/webhook"
	goshopify "github.com/bold-commerce/go-shopify/v4"
	"github.com/braintree-go/braintree-go"
	mercadopago "github.com/mercadopago/sdk-go/pkg/webhook"
	"github.com/razorpay/razorpay-go/utils"
	"github.com/square/square-go-sdk"
	squareclient "github.com/square/square-go-sdk/webhooks/client"
	stripe "github.com/stripe/stripe-go/v86/webhook"

	"github.com/hookwicket/hookwicket/verifiers"
)

const (
	squareURL = "https://hooks.example.com/square?shop=1"
	adyenKey  = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00" // of the SDK's tests
)

// gateway of Braintree with keys that are nobody's.
var braintreeGateway = braintree.New(braintree.Sandbox, "merchant", "public", "private")

func init() {
	judges = append(judges, judge{
		provider: "stripe", sdk: "github.com/stripe/stripe-go/v86", secret: "whsec_test",
		weakness: "It takes times from the future.",
		sign: func(r *verifiers.Request, now time.Time, _ string) error {
			signed := stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: r.Body, Secret: "whsec_test", Timestamp: now})
			r.Header.Set("Stripe-Signature", signed.Header)
			return nil
		},
		verify: func(r *verifiers.Request) error {
			return stripe.ValidatePayload(r.Body, r.Header.Get("Stripe-Signature"), "whsec_test")
		},
	}, judge{
		provider: "paddle", sdk: "github.com/PaddleHQ/paddle-go-sdk/v4", secret: "pdl_ntfset_test",
		weakness: "It takes one h1 only, so not the headers sent while a secret is rotated, and checks no time unless told to.",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			return refused(paddle.NewWebhookVerifier("pdl_ntfset_test").Verify(hr))
		},
	}, judge{
		provider: "square", sdk: "github.com/square/square-go-sdk", secret: "signature-key", url: squareURL,
		verify: func(r *verifiers.Request) error {
			return squareclient.NewClient().VerifySignature(context.Background(), &square.VerifySignatureRequest{
				RequestBody: string(r.Body), SignatureHeader: r.Header.Get("X-Square-Hmacsha256-Signature"),
				SignatureKey: "signature-key", NotificationURL: squareURL,
			})
		},
	}, judge{
		provider: "shopify", sdk: "github.com/bold-commerce/go-shopify/v4", secret: "shpss_test",
		verify: func(r *verifiers.Request) error {
			hr, err := httpRequest(r)
			if err != nil {
				return err
			}
			return refused(goshopify.App{ApiSecret: "shpss_test"}.VerifyWebhookRequest(hr), nil)
		},
	}, judge{
		provider: "razorpay", sdk: "github.com/razorpay/razorpay-go", secret: "test secret",
		verify: func(r *verifiers.Request) error {
			return refused(utils.VerifyWebhookSignature(string(r.Body), r.Header.Get("X-Razorpay-Signature"), "test secret"), nil)
		},
	}, judge{
		provider: "easypost", sdk: "github.com/EasyPost/easypost-go/v5", secret: "sécret",
		verify: func(r *verifiers.Request) error {
			headers := map[string]any{"X-Hmac-Signature": r.Header.Get("X-Hmac-Signature")}
			_, err := easypost.New("unused").ValidateWebhook(r.Body, headers, "sécret")
			return err
		},
	}, judge{
		provider: "mercadopago", sdk: "github.com/mercadopago/sdk-go", secret: "test secret", blind: "body",
		url:      "https://hooks.example.com/mp?data.id=123456&type=payment",
		weakness: "It checks no time unless told to.",
		verify: func(r *verifiers.Request) error {
			u, err := url.Parse(r.URL)
			if err != nil {
				return err
			}
			return mercadopago.ValidateSignature(r.Header.Get("X-Signature"), r.Header.Get("X-Request-Id"), u.Query().Get("data.id"), "test secret")
		},
	}, judge{
		provider: "adyen-platform", sdk: "github.com/adyen/adyen-go-api-library/v21", secret: adyenKey,
		sign: func(r *verifiers.Request, _ time.Time, _ string) error {
			sig, err := hmacvalidator.CalculateHmac(string(r.Body), adyenKey)
			r.Header.Set("HmacSignature", sig)
			return err
		},
		verify: func(r *verifiers.Request) error {
			return refused(hmacvalidator.ValidateHmacPayload(r.Header.Get("HmacSignature"), adyenKey, string(r.Body)), nil)
		},
	}, judge{
		provider: "adyen", sdk: "github.com/adyen/adyen-go-api-library/v21", secret: adyenKey,
		blind: "body", // eight of an item's fields are signed
		verify: func(r *verifiers.Request) error {
			var event adyen.Webhook
			if err := json.Unmarshal(r.Body, &event); err != nil {
				return err
			}
			for _, item := range *event.NotificationItems {
				if err := refused(hmacvalidator.ValidateHmac(item.NotificationRequestItem, adyenKey), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}, judge{
		provider: "braintree", sdk: "github.com/braintree-go/braintree-go", secret: "private",
		options: map[string]string{"public_key": "public"},
		sign: func(r *verifiers.Request, _ time.Time, _ string) error {
			payload := braintreeGateway.WebhookTesting().SamplePayload("subscription_went_past_due", "s1")
			sig, err := braintreeGateway.WebhookTesting().SignPayload(payload)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Body = []byte(url.Values{"bt_payload": {payload}, "bt_signature": {sig}}.Encode())
			return err
		},
		verify: func(r *verifiers.Request) error {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil {
				return err
			}
			_, err = braintreeGateway.WebhookNotification().Parse(form.Get("bt_signature"), form.Get("bt_payload"))
			return err
		},
	})
}
