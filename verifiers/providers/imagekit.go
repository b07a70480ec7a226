package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(imageKit) }

func imageKit() verifiers.Provider {
	scheme := timedList("x-ik-signature", "t", "v1")
	scheme.Timestamp.Format = "unix_ms"
	scheme.EventID = []string{"{json:id}"}
	scheme.EventType = []string{"{json:type}"}
	return verifiers.Provider{
		Name:  "imagekit",
		Title: "ImageKit",
		Docs: []string{
			"https://imagekit.io/docs/webhooks",
			"https://github.com/imagekit-developer/imagekit-nodejs/blob/a1324c24dd18109463e4ec401a535b6d48a0bf36/tests/data/sample-webhook-requests.js",
		},
		Why: "ImageKit's library imagekit checks x-ik-signature. Its successor, @imagekit/nodejs, checks the headers of Standard Webhooks. " +
			"A request with those needs the row standard-webhooks.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "the ImageKit dashboard, Developer options > Webhooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The ID stands in the signed body.",
		},
		Sample: verifiers.Sample{
			Body: `{"type":"video.transformation.ready","id":"{id}","created_at":"{time}","request":{"x_request_id":"{uuid}",` +
				`"url":"https://ik.imagekit.io/demo/sample-video.mp4?tr=f-webm"},"data":{"asset":{"url":"https://ik.imagekit.io/demo/sample-video.mp4"}}}`,
		},
	}
}
