package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(crisp) }

func crisp() verifiers.Provider {
	scheme := overBody("hex", "X-Crisp-Signature")
	scheme.Content = "[{timestamp};{body}]"
	scheme.Timestamp = verifiers.Timestamp{From: "{header:X-Crisp-Request-Timestamp}", Format: "unix_auto"}
	scheme.EventID = []string{timeAndBody}
	scheme.EventType = []string{"{json:event}"}
	return verifiers.Provider{
		Name:  "crisp",
		Title: "Crisp (plugin web hooks)",
		Docs: []string{
			"https://docs.crisp.chat/guides/web-hooks/quickstart/",
			"https://github.com/crisp-im/node-crisp-api/blob/master/lib/crisp.ts",
		},
		Why: "Only the web hooks of plugins are signed. Those of a website need the row token with a parameter of the URL. " +
			"Crisp's library does not say whether the time is in seconds or milliseconds: both are taken.",
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "signing secret", Where: "the Crisp Marketplace, the plugin's page, Web Hooks"},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       renewedUnknown,
		},
		Dedupe: verifiers.Dedupe{
			By:     verifiers.ByID,
			Window: pastWeek,
			Why:    timeAndBodyWhy,
		},
		Sample: verifiers.Sample{
			Body: `{"website_id":"{uuid}","event":"message:send","data":{"website_id":"{uuid}","session_id":"session_1001","type":"text",` +
				`"content":"{id}","from":"user","timestamp":{unix}000}}`,
		},
	}
}
