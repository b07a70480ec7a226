package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(wechatPay) }

func wechatPay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "wechat-pay",
		Title: "WeChat Pay (API v3)",
		Docs: []string{
			"https://github.com/wechatpay-apiv3/wechatpay-go/blob/main/core/auth/validators/wechat_pay_notify_validator.go",
			"https://github.com/wechatpay-apiv3/wechatpay-go/blob/main/core/notify/notify_test.go",
		},
		Why: "WeChat Pay now and then sends a request with a wrong signature, to see that it is refused. Such a signature begins with " +
			"WECHATPAY/SIGNTEST/. A platform certificate signs for many merchants. Only the app can tell that a notification is meant for " +
			"it: it decrypts the resource with its own APIv3 key. Give several keys while a certificate is replaced.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{Names: []string{"Wechatpay-Signature"}, Encoding: "base64"},
			Content:   "{timestamp}\n{header:Wechatpay-Nonce}\n{body}\n",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:Wechatpay-Timestamp}"},
				EventID:   []string{"{json:id}"},
				EventType: []string{"{json:event_type}"},
				Require:   []verifiers.Condition{{Of: "{header:Wechatpay-Nonce}", Like: "[0-9A-Za-z]{1,64}"}},
			},
		},
		Secret: verifiers.SecretInfo{
			Name:  "public key",
			Where: "the WeChat Pay merchant platform, API security: the WeChat Pay public key, or the platform certificate",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "WeChat Pay's library allows 5 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"Wechatpay-Nonce": "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz", "Wechatpay-Serial": "D7CE59D1F522D701"},
			Body: `{"id":"{id}","create_time":"{time}","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"paid",` +
				`"resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"","associated_data":"","nonce":""}}`,
		},
	}
}
