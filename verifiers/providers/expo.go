package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(expo) }

func expo() verifiers.Provider {
	return verifiers.Provider{
		Name:  "expo",
		Title: "Expo Application Services (EAS)",
		Docs: []string{
			"https://docs.expo.dev/eas/webhooks/",
			"https://github.com/expo/expo/blob/main/docs/pages/eas/webhooks.mdx",
		},
		Why:       "Expo signs with SHA-1 and has nothing newer; as HMAC it is not known to be broken.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Hash:      "sha1",
			Signature: verifiers.Signature{Names: []string{"Expo-Signature"}, Prefix: "sha1="},
			Content:   "{body}",
			Facts: verifiers.Facts{
				EventID:   []string{"{json:id}:{json:status}"},
				EventType: []string{"{json:status}"},
			},
		},
		Secret:    verifiers.SecretInfo{Name: "webhook secret", Where: "your own, of 16 characters at least: eas webhook:create"},
		Freshness: verifiers.Freshness{Why: "The only times are in the body and are those of the build or submission."},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "A webhook comes when a build or submission has ended, with its ID and its outcome. It ends once.",
		},
		Sample: verifiers.Sample{
			Body: `{"id":"{id}","accountName":"example","projectName":"app","appId":"{uuid}","initiatingUserId":"{uuid}","platform":"ios",` +
				`"status":"finished","createdAt":"{time}","completedAt":"{time}"}`,
		},
	}
}
