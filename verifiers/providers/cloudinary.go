package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(cloudinary) }

func cloudinary() verifiers.Provider {
	return verifiers.Provider{
		Name:  "cloudinary",
		Title: "Cloudinary",
		Docs: []string{
			"https://cloudinary.com/documentation/notification_signatures",
			"https://github.com/cloudinary/cloudinary_npm/blob/master/lib/utils/index.js",
			"https://github.com/cloudinary/cloudinary_php/blob/master/tests/Unit/Utils/SignatureVerifierTest.php",
		},
		Why: "A plain SHA-1 with the API secret at its end. An account that signs with SHA-256 needs the line `hash sha256`. " +
			"The API secret signs calls of the API too, so whoever has it can do more than forge notifications.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Digest:    true,
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"X-Cld-Signature"}},
			Content:   "{body}{timestamp}{secret}",
			Facts: verifiers.Facts{
				Timestamp: verifiers.Timestamp{From: "{header:X-Cld-Timestamp}"},
				EventID:   []string{timeAndBody},
				EventType: []string{"{json:notification_type}"},
			},
		},
		Secret: verifiers.SecretInfo{Name: "API secret", Where: "Console Settings > API Keys"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown + " Cloudinary's libraries allow 2 hours unless they are told otherwise.",
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Body: `{"notification_type":"upload","timestamp":"{time}","request_id":"{id}","asset_id":"{uuid}","public_id":"sample",` +
				`"version":{unix},"width":864,"height":576,"format":"jpg","resource_type":"image","type":"upload"}`,
		},
	}
}
