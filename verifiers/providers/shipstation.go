package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(shipstation) }

func shipstation() verifiers.Provider {
	return verifiers.Provider{
		Name:  "shipstation",
		Title: "ShipStation (API v2, formerly ShipEngine)",
		Docs:  []string{"https://docs.shipstation.com/apis/docs/guides/webhooks-validation"},
		Why: "Version 1 of the API signs nothing; its webhooks need the row token with a parameter of the URL. " +
			"ShipStation suggests 404 for a request without a signature and 400 for a stale one, but reads neither.",
		Confirmed: true,
		Scheme: verifiers.PublicKey{
			Algorithm: "rsa",
			Signature: verifiers.Signature{Names: []string{"X-Shipengine-Rsa-Sha256-Signature"}, Encoding: "base64"},
			Content:   "{timestamp}.{body}",
			Keys: verifiers.Keys{
				URL:   "https://api.shipengine.com/jwks",
				KeyID: "{header:X-Shipengine-Rsa-Sha256-Key-Id}",
			},
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Shipengine-Timestamp}", Format: "rfc3339"},
				EventType: []string{"{json:resource_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "public key", Where: "https://api.shipengine.com/jwks, where it is fetched from if you give none", Optional: true},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: perAttempt,
			Why:       "The time is that of sending; ShipStation suggests 5 minutes to both sides.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "A webhook has no ID. The body names the resource and has its data: the same again is no news.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Shipengine-Rsa-Sha256-Key-Id": "a0b1c2d3-e4f5-4607-8809-0a0b0c0d0e0f"},
			Body: `{"resource_url":"https://api.shipengine.com/v1/tracking?carrier_code=usps&tracking_number=9400111298370264401222","resource_type":"API_TRACK",` +
				`"data":{"tracking_number":"9400111298370264401222","status_code":"IT","events":[{"occurred_at":"{time}","description":"In transit"}]}}`,
		},
	}
}
