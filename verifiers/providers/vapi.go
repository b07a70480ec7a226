package providers

import "github.com/hookwicket/hookwicket/verifiers"

func init() { register(vapi) }

func vapi() verifiers.Provider {
	return vapiRow("vapi", "Vapi (HMAC)",
		"A custom credential decides how requests are signed: header, encoding, hash and template are the user's choice. "+
			"These are its defaults with a time; override the ones that you changed.",
		verifiers.HMAC{
			Signature: verifiers.Signature{Names: []string{"x-signature"}},
			Content:   "{header:x-timestamp}.{body}",
			Facts:     verifiers.Facts{EventType: vapiFacts.EventType, Require: apart("{header:x-timestamp}")[1:]},
		})
}

func init() { register(vapiSecret) }

func vapiSecret() verifiers.Provider {
	return vapiRow("vapi-secret", "Vapi (secret header)", "Nothing is signed: the header holds the secret itself.",
		verifiers.Token{Names: []string{"X-Vapi-Secret"}, Facts: vapiFacts})
}

func init() { register(vapiBearer) }

func vapiBearer() verifiers.Provider {
	return vapiRow("vapi-bearer", "Vapi (bearer token)", "Nothing is signed: the Authorization header holds the token itself.",
		verifiers.Token{From: "bearer", Facts: vapiFacts})
}

var vapiFacts = verifiers.Facts{EventType: []string{"{json:message.type}"}}

// vapiRow is the common part of the ways in which Vapi authenticates requests.
func vapiRow(name, title, why string, scheme verifiers.Scheme) verifiers.Provider {
	return verifiers.Provider{
		Name:      name,
		Title:     title,
		Docs:      []string{"https://docs.vapi.ai/server-url/server-authentication", "https://github.com/VapiAI/docs/blob/main/fern/apis/api/openapi.json"},
		Why:       why,
		Confirmed: true,
		Scheme:    scheme,
		Secret:    verifiers.SecretInfo{Name: "secret", Where: "the server settings of the assistant, tool or phone number, or its credential; you chose it there"},
		Synchronous: "A call waits for the answer: tool calls and assistant requests are answered by the body of your app. " +
			"A server that is sent reports only can have an endpoint of its own.",
		Freshness: verifiers.Freshness{Why: "The form of the time, where one is signed, is not documented: it is taken as text."},
		Dedupe: verifiers.Dedupe{
			By:  verifiers.ByNothing,
			Why: "There is no ID, and a tool call that is repeated wants to be answered again.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Timestamp": "{unix}"},
			Body:   `{"message":{"type":"status-update","status":"in-progress","timestamp":{unix}000,"call":{"id":"{uuid}","type":"webCall"}}}`,
		},
	}
}
