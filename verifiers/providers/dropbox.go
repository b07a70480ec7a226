package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(dropbox) }

func dropbox() verifiers.Provider {
	return verifiers.Provider{
		Name:  "dropbox",
		Title: "Dropbox",
		Docs: []string{
			"https://www.dropbox.com/developers/reference/webhooks",
			"https://github.com/dropbox/mdwebhook/blob/master/app.py",
		},
		Why:       "A request says only whose files changed. Fetch the changes from Dropbox.",
		Confirmed: true,
		Scheme: verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"X-Dropbox-Signature"}},
			Content:   "{body}",
		},
		Secret: verifiers.SecretInfo{Name: "app secret", Where: "App Console > the app > Settings"},
		Handshakes: []verifiers.Handshake{{
			Name:   "challenge",
			Method: "GET",
			When:   []verifiers.Condition{{Of: "{query:challenge}"}},
			Guard:  []verifiers.Condition{{Of: "{query:challenge}", Like: "[A-Za-z0-9_-]{1,256}"}},
			Body:   "{query:challenge}",
		}},
		Freshness: verifiers.Freshness{Why: "Dropbox sends no time."},
		Dedupe: verifiers.Dedupe{
			By: verifiers.ByNothing,
			Why: "The body is a list of accounts, the same for every change to their files. A notification too many costs a look at nothing new; " +
				"one too few would lose a change.",
		},
		Sample: verifiers.Sample{
			Body: `{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]},"delta":{"users":[12345678]}}`,
		},
	}
}
