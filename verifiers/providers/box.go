package providers

import (
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(box) }

// Compared in November 2026: box-node-sdk 10.12.0 is the newest and judges this row.
func box() verifiers.Provider {
	return verifiers.Provider{
		Name:  "box",
		Title: "Box",
		Docs: []string{
			"https://developer.box.com/guides/webhooks/v2/signatures-v2/",
			"https://github.com/box/box-node-sdk/blob/main/src/managers/webhooks.ts",
		},
		Why: "Box signs with two keys, so that one at a time can be changed; either signature will do. " +
			"The version and the algorithm are stated beside and have to be those that are known.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{
				Names:    []string{"BOX-SIGNATURE-PRIMARY", "BOX-SIGNATURE-SECONDARY"},
				All:      true,
				Encoding: "base64",
			},
			Content: "{body}{timestamp}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:BOX-DELIVERY-TIMESTAMP}", Format: "rfc3339"},
				EventID:   []string{"{json:id}", "{header:BOX-DELIVERY-ID}"},
				EventType: []string{"{json:trigger}"},
				Require: []verifiers.Condition{
					{Of: "{header:BOX-SIGNATURE-VERSION}", Is: []string{"1"}},
					{Of: "{header:BOX-SIGNATURE-ALGORITHM}", Is: []string{"HmacSHA256"}},
				},
			},
		},
		Secret: verifiers.SecretInfo{Name: "primary or secondary signature key", Where: "Developer Console > the app > Webhooks > Manage signature keys"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.AttemptTime,
			Tolerance: verifiers.Tolerance{Past: 10 * time.Minute, Future: 10 * time.Minute},
			Why:       "Box's libraries allow 10 minutes.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The event's ID stands in the signed body. The delivery's is outside the signature and serves where there is no other.",
		},
		Retries: verifiers.Retries{Deadline: 30 * time.Second, Attempts: 13, Horizon: 2 * time.Hour},
		Sources: verifiers.Sources{
			Retries:  "box/developer.box.com, content/guides/webhooks/v2/index.md",
			Deadline: "box/developer.box.com, content/guides/webhooks/v2/index.md",
			Answers:  "box/developer.box.com, content/guides/webhooks/v2/index.md",
			Repeats:  "box/developer.box.com, content/guides/webhooks/v2/index.md",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{
				"BOX-SIGNATURE-VERSION":   "1",
				"BOX-SIGNATURE-ALGORITHM": "HmacSHA256",
				"BOX-DELIVERY-ID":         "{uuid}",
			},
			Body: `{"type":"webhook_event","id":"{id}","created_at":"{time}","trigger":"FILE.UPLOADED",` +
				`"webhook":{"id":"1234567890","type":"webhook"},"source":{"id":"1234567890","type":"file","name":"Test.txt"}}`,
		},
	}
}
