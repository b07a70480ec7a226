package explain_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/explain"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// nothing is the text for a refusal without a known cause.
const nothing = "None of the common causes explains it."

// mistake is a mistake that somebody makes with a genuine request.
type mistake struct {
	name      string
	providers string // separated by space
	make      func(f *fixture)
	want      string // in the first cause
}

// twenty are the mistakes that a diagnosis has to name.
var twenty = []mistake{
	// 1: the secret is simply wrong
	{"wrong secret", "github slack discord paddle gitlab-token square", func(f *fixture) {
		f.Secrets = []string{f.other.secret}
	}, nothing},

	// 2: the secret is to be decoded, or not
	{"secret not decoded", "github slack generic taskflow shopify", func(f *fixture) {
		plain := "a secret of bytes"
		f.signs = plain
		f.sign()
		f.Secrets = []string{base64.StdEncoding.EncodeToString([]byte(plain))}
	}, "It verifies with the secret decoded from base64."},
	{"secret decoded, but is text", "svix standard-webhooks", func(f *fixture) {
		f.sends = altered(f.t, f.Row.Scheme, `{"secret":{"encoding":"utf8","prefixes":null}}`)
		f.sign()
	}, "It verifies with the secret as it is, not decoded."},
	{"secret in hex", "github shopify", func(f *fixture) {
		f.signs = strings.Repeat("0123456789abcdef", 4)
		f.sends = altered(f.t, f.Row.Scheme, `{"secret":{"encoding":"hex"}}`)
		f.sign()
		f.Secrets = []string{f.signs}
	}, "It verifies with the secret decoded from hex."},

	// 3: white space around the secret
	{"newline after the secret", "github stripe slack shopify gitlab-token monday", func(f *fixture) {
		f.Secrets[0] += "\n"
	}, "once the white space around the secret is removed"},
	{"spaces around the secret", "github stripe gitlab-token", func(f *fixture) {
		f.Secrets[0] = "  " + f.Secrets[0] + " "
	}, "once the white space around the secret is removed"},
	{"quotation marks around the secret", "github stripe gitlab-token", func(f *fixture) {
		f.Secrets[0] = `"` + f.Secrets[0] + `"`
	}, "once the quotation marks around the secret are removed"},

	// 4: the secret of test mode, for an event of live mode, and the other way
	{"live secret, test event", "stripe", func(f *fixture) {
		f.Secrets = []string{"whsec_bGl2ZSBtb2RlIGhhcyBpdHMgb3du"}
		f.text(`"livemode":false`, `"livemode":false`)
	}, `The event says that it is of test mode ("livemode": false)`},
	{"test secret, live event", "stripe", func(f *fixture) {
		f.Secrets = []string{"whsec_bGl2ZSBtb2RlIGhhcyBpdHMgb3du"}
		f.text(`"livemode":false`, `"livemode":true`)
	}, `The event says that it is of live mode ("livemode": true)`},
	{"secret of the endpoint for test mode", "stripe mercadopago", func(f *fixture) {
		f.Endpoints = []explain.Endpoint{{Name: "unrelated", Row: f.Row, Secrets: []string{"whsec_bm8="}}, {Name: "sandbox", Row: f.Row, Secrets: f.Secrets}}
		f.Secrets = []string{f.other.secret}
	}, `It verifies with the secret of the endpoint "sandbox". Each webhook has a secret of its own, and so have test mode and live mode.`},

	// 5: the secret of another endpoint or provider
	{"secret of another endpoint", "github slack discord gitlab-token vonage-jwt square", func(f *fixture) {
		f.Endpoints = []explain.Endpoint{{Name: "second", Row: f.Row, Secrets: f.Secrets}}
		f.Secrets = []string{f.other.secret}
	}, `It verifies with the secret of the endpoint "second".`},
	{"secret of another provider's endpoint", "github", func(f *fixture) {
		f.Endpoints = []explain.Endpoint{{Name: "shop", Row: rowOf(f.t, "shopify"), Secrets: f.Secrets}}
		f.Secrets = []string{f.other.secret}
	}, `It verifies with the secret of the endpoint "shop". That one is for Shopify.`},
	{"request for another endpoint", "github", func(f *fixture) {
		f.Endpoints = []explain.Endpoint{{Name: "code", Row: f.Row, Secrets: f.Secrets}}
		f.Row, f.Secrets = rowOf(f.t, "shopify"), []string{f.other.secret}
	}, `It verifies as a request to the endpoint "code", which is for GitHub.`},
	{"another provider's request", "github", func(f *fixture) {
		f.Row = rowOf(f.t, "slack")
	}, "github, "},
	{"another provider's secret", "stripe", func(f *fixture) {
		f.Secrets = []string{"pdl_ntfset_01hd7qabcdefghij"}
	}, "The endpoint's secret looks like a secret of Paddle, and a secret of Stripe begins with whsec_."},
	{"Stripe's secret for GitHub", "github", func(f *fixture) {
		f.Secrets = []string{"whsec_bm90IGdpdGh1YidzIGF0IGFsbA=="}
	}, "The endpoint's secret looks like a signing secret of Stripe"},

	// 6: key and secret interchanged
	{"API key for the secret", "stripe", func(f *fixture) {
		f.Secrets = []string{"sk_live_51abcdefghijklmnop"}
	}, "The endpoint's secret looks like an API key"},
	{"key and secret", "pusher livekit", func(f *fixture) {
		key := optionsIn(f.t, f.Row.Scheme)["key"]
		f.signs = strings.Repeat("0123456789abcdef", 4)
		f.sign()
		f.Row.Scheme = altered(f.t, f.Row.Scheme, `{"options":{"key":"`+f.signs+`"}}`)
		f.Secrets = []string{key}
	}, "It verifies with the secret and the option key interchanged."},
	{"user and password", "chargebee azure-devops", func(f *fixture) {
		user, password, _ := strings.Cut(f.Secrets[0], ":")
		f.Secrets = []string{password + ":" + user}
	}, "It verifies with the two halves of the secret interchanged"},

	// 7: the body is parsed and written anew
	{"white space", "github stripe shopify discord", func(f *fixture) {
		f.received(func(b string) string { return indent(f.t, b) })
	}, "It verifies with the body's JSON written without white space."},
	{"indented", "github stripe discord", func(f *fixture) {
		f.body = func(b []byte) []byte { return []byte(indent(f.t, string(b))) }
		f.sign()
		f.received(func(b string) string { return compact(f.t, b) })
	}, "It verifies with the body's JSON indented by two spaces."},
	{"key order", "github stripe square", func(f *fixture) {
		f.received(func(b string) string { return reversed(f.t, b) })
	}, "It verifies with the body's JSON with its keys in the order in which the provider writes them."},
	{"sorted keys", "generic", func(f *fixture) {
		f.body = func(b []byte) []byte { return []byte(resorted(f.t, string(b))) }
		f.sign()
		f.received(func(b string) string { return reversed(f.t, b) })
	}, "It verifies with the body's JSON with its keys sorted."},
	{"escaped slashes", "generic taskflow", func(f *fixture) {
		f.body = func([]byte) []byte {
			return []byte(`{"id":"evt_1","url":"https:\/\/a\/b","timestamp":"2026-03-01T12:00:00Z"}`)
		}
		f.sign()
		f.received(func(b string) string { return strings.ReplaceAll(b, `\/`, "/") })
	}, "It verifies with the body's JSON with its slashes escaped, as PHP writes it."},
	{"Unicode", "generic taskflow shopify", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"id":"evt_1","name":"t\u00f6k \ud83d\ude00"}`) }
		f.sign()
		f.received(func(string) string { return `{"id":"evt_1","name":"tök 😀"}` })
	}, "It verifies with the body's JSON with its other than ASCII characters escaped."},
	{"Unicode and white space", "generic shopify discord", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"url":"a/b","id":"evt_1","name":"tök"}`) }
		f.sign()
		f.received(func(string) string { return `{"url": "a\/b", "id": "evt_1", "name": "t\u00f6k"}` })
	}, "It verifies with the body's JSON written without white space and with none of its characters escaped that need not be."},
	{"encoded twice", "github", func(f *fixture) {
		f.received(func(b string) string {
			twice, _ := json.Marshal(b)
			return string(twice)
		})
	}, "It was encoded twice."},
	{"form", "slack", func(f *fixture) {
		f.Row.Sample.Type = "application/x-www-form-urlencoded"
		f.body = func([]byte) []byte { return []byte("command=%2Fdeploy&text=to+production") }
		f.sign()
		f.received(func(b string) string { return strings.ReplaceAll(b, "+", "%20") })
	}, "It verifies with the form with its spaces written as +."},

	// 8: the body is compressed or unpacked on the way
	{"unpacked, header left", "github stripe shopify", func(f *fixture) {
		f.body = packed
		if f.trySign() != nil { // the sample's facts are in the body
			f.t.Skip()
		}
		f.Request.Body = f.Row.Sample.Request(f.url, now, eventID).Body
		f.Request.Header.Set("Content-Encoding", "gzip")
	}, "Something on the way unpacked the body: its Content-Encoding is gzip, and it is not in gzip."},
	{"unpacked, header left, where the plain body is signed", "quicknode", func(f *fixture) {
		f.Request.Header.Set("Content-Encoding", "gzip")
	}, "It verifies without the header Content-Encoding."},
	{"compressed", "github stripe shopify discord", func(f *fixture) {
		f.Request.Body = packed(f.Request.Body)
	}, "It verifies with the body unpacked."},
	{"in base64", "github shopify", func(f *fixture) {
		f.received(func(b string) string { return base64.StdEncoding.EncodeToString([]byte(b)) })
	}, "It verifies with the body decoded from base64."},

	// 9: the body is cut or empty
	{"cut", "github stripe shopify discord", func(f *fixture) {
		f.received(func(b string) string { return b[:len(b)*2/3] })
	}, "The body was cut on the way: its JSON ends in the middle"},
	{"shorter than its length", "github slack", func(f *fixture) {
		f.Request.Header.Set("Content-Length", "4000")
		f.received(func(b string) string { return b[:len(b)*2/3] })
	}, "where its Content-Length says 4000"},
	{"empty", "github stripe shopify slack discord", func(f *fixture) {
		f.Request.Body = nil
	}, "The body is empty, and the signature covers it."},
	{"newline added", "github stripe discord", func(f *fixture) {
		f.received(func(b string) string { return b + "\n" })
	}, "It verifies without the newline at the end of the body."},

	// 10: character sets
	{"UTF-8 read as Latin-1", "generic shopify discord", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"id":"evt_1","name":"tök"}`) }
		f.sign()
		f.received(func(string) string { return `{"id":"evt_1","name":"tÃ¶k"}` })
	}, "It verifies with the body read as ISO-8859-1."},
	{"Latin-1", "generic shopify", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"id":"evt_1","name":"tök"}`) }
		f.sign()
		f.received(func(string) string { return "{\"id\":\"evt_1\",\"name\":\"t\xf6k\"}" })
	}, "It verifies with the body in UTF-8. It was turned into ISO-8859-1 on the way here."},
	{"decomposed", "generic shopify", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"id":"evt_1","name":"tök"}`) }
		f.sign()
		f.received(func(string) string { return "{\"id\":\"evt_1\",\"name\":\"to\u0308k\"}" })
	}, "Unicode NFC"},
	{"replaced characters", "generic shopify", func(f *fixture) {
		f.body = func([]byte) []byte { return []byte(`{"id":"evt_1","name":"tök"}`) }
		f.sign()
		f.received(func(string) string { return "{\"id\":\"evt_1\",\"name\":\"t\uFFFDk\"}" })
	}, "The body was read in the wrong character set on the way"},

	// 11: http and https
	{"http for https", "square twilio trello", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "https:", "http:", 1)
	}, "It verifies with the scheme https in the URL."},
	{"https for http", "square twilio", func(f *fixture) {
		f.url = strings.Replace(f.url, "https:", "http:", 1)
		f.sign()
		f.Request.URL = strings.Replace(f.Request.URL, "http:", "https:", 1)
	}, "It verifies with the scheme http in the URL."},

	// 12: host and port
	{"port", "square trello", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, ".com", ".com:8443", 1)
	}, "It verifies without a port in the URL."},
	{"host", "square twilio trello", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "hooks.example.com", "app.internal", 1)
		f.Request.Header.Set("X-Forwarded-Host", "hooks.example.com")
	}, "It verifies with the host hooks.example.com in the URL."},
	{"host and scheme", "square", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "https://hooks.example.com", "http://app.internal", 1)
		f.Request.Header.Set("Forwarded", `for=192.0.2.1;host="hooks.example.com";proto=https`)
	}, "It verifies with the host hooks.example.com and the other of http and https in the URL."},
	{"public_url", "square trello", func(f *fixture) {
		f.Received = f.Request.URL
		f.Request.URL = "https://shop.example.com/other"
	}, "It verifies with the URL of the request itself"},

	// 13: path and query
	{"prefix stripped", "square twilio", func(f *fixture) {
		f.url = "https://hooks.example.com/api/in"
		f.sign()
		f.Request.URL = strings.Replace(f.Request.URL, "/api/in", "/in", 1)
		f.Request.Header.Set("X-Forwarded-Prefix", "/api")
	}, "It verifies with the path /api/in in the URL, as the header X-Forwarded-Prefix has it. A rewrite on the way changed the path."},
	{"prefix added", "square trello", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "/in", "/v1/in", 1)
	}, "It verifies with the path /in alone in the URL."},
	{"slash added", "square", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "/in", "/in/", 1)
	}, "with the slash at the end of the URL's path added or removed"},
	{"query rewritten", "square", func(f *fixture) {
		f.Request.URL = strings.Replace(f.Request.URL, "b+c", "b%20c", 1)
	}, "It verifies with the spaces in the URL's query written as +. A rewrite on the way changed the query."},
	{"parameter added", "square", func(f *fixture) {
		f.Request.URL += "&utm_source=proxy"
	}, "It verifies without the parameter utm_source of the URL."},

	// 14: a header is missing
	{"renamed with underscores", "github stripe discord gitlab-token", func(f *fixture) {
		f.rename(func(name string) string { return strings.ReplaceAll(name, "-", "_") })
	}, "Something on the way has renamed it."},
	{"renamed with dots", "github shopify", func(f *fixture) {
		f.rename(func(name string) string { return strings.ReplaceAll(name, "-", ".") })
	}, "Something on the way has renamed it."},
	{"dropped", "github stripe discord square gitlab-token", func(f *fixture) {
		f.rename(func(string) string { return "" })
	}, "Either a proxy in front of Caddy drops it, or it is no request of"},
	{"dropped, with underscores", "hmac", func(f *fixture) {
		f.Row.Scheme = altered(f.t, f.Row.Scheme, `{"signature":{"names":["X_Acme_Signature"]}}`)
		f.sign()
		f.rename(func(string) string { return "" })
	}, "Caddy drops headers whose names contain _ or . unless the server's `expected_underscore_headers`"},
	{"Authorization dropped", "chargebee monday", func(f *fixture) {
		f.Request.Header.Del("Authorization")
	}, "There is no header Authorization."},
	{"time dropped", "slack discord", func(f *fixture) {
		for name := range f.Request.Header {
			if strings.Contains(name, "Timestamp") {
				f.Request.Header.Del(name)
			}
		}
	}, "Timestamp"},

	// 15: a header twice
	{"header twice", "github stripe shopify gitlab-token square monday", func(f *fixture) {
		for _, name := range f.credentialHeaders() {
			f.Request.Header[name] = append(f.Request.Header[name], f.Request.Header[name][0])
		}
	}, "It verifies with the first value of the header"},
	{"header twice, the second right", "github shopify gitlab-token", func(f *fixture) {
		for _, name := range f.credentialHeaders() {
			f.Request.Header[name] = append([]string{"sha256=00"}, f.Request.Header[name]...)
		}
	}, "It verifies with the last value of the header"},
	{"header twice, joined by a comma", "github shopify gitlab-token", func(f *fixture) {
		for _, name := range f.credentialHeaders() {
			value := f.Request.Header[name][0]
			f.Request.Header[name] = []string{value + ", " + value}
		}
	}, "has several values in one, separated by a comma"},
	{"header twice, both wrong", "github", func(f *fixture) {
		f.Secrets = []string{f.other.secret}
		for _, name := range f.credentialHeaders() {
			f.Request.Header[name] = append(f.Request.Header[name], f.Request.Header[name][0])
		}
	}, "is there 2 times, and none of its values is right"},

	// 16: seconds and milliseconds
	{"milliseconds", "stripe slack", func(f *fixture) {
		f.sends = altered(f.t, f.Row.Scheme, `{"timestamp":{"format":"unix_ms"}}`)
		f.sign()
	}, "The time is in milliseconds, where the endpoint expects seconds."},
	{"seconds", "airwallex front-app courier", func(f *fixture) {
		f.sends = altered(f.t, f.Row.Scheme, `{"timestamp":{"format":"unix"}}`)
		f.sign()
	}, "The time is in seconds, where the endpoint expects milliseconds."},

	// 17: the clock
	{"slow clock", "stripe slack svix", func(f *fixture) {
		f.Now = now.Add(-time.Hour)
	}, "the time is 1h ahead, and 5m are allowed. The clock of this machine is slow"},
	{"fast clock", "stripe slack svix", func(f *fixture) {
		f.Now = now.Add(17 * time.Minute)
	}, "the time is 17m old, and 5m are allowed. The clock of this machine is fast"},

	// 18: a retry that is too late
	{"stale retry", "generic taskflow square", func(f *fixture) {
		f.Now = now.Add(f.Row.Freshness.Tolerance.Past + time.Hour)
	}, "A retry keeps the time of its event: it is a late retry"},

	// 19: tokens
	{"expired token", "monday livekit", func(f *fixture) {
		f.Now = now.Add(48 * time.Hour)
	}, "The signature is right, but the token expired"},
	{"wrong audience", "monday gcp-pubsub", func(f *fixture) {
		f.Row.Scheme = altered(f.t, f.Row.Scheme, `{"options":{"audience":"https://elsewhere.example.com/in"}}`)
	}, "The signature is right, but the event is for somebody else"},

	// 20: the provider's keys cannot be fetched
	{"key source down", "gcp-pubsub circle fal woovi travis shipstation", func(f *fixture) {
		f.Secrets, f.Keys = nil, downSource{}
	}, "The provider's keys could not be fetched: "},
}

// downSource cannot reach a provider.
type downSource struct{}

func (downSource) Fetch(context.Context, verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	return verifiers.KeyDocument{}, errors.New("connection refused")
}

// rename changes the name of the headers with the signature; an empty one removes them.
func (f *fixture) rename(change func(string) string) {
	for _, name := range f.credentialHeaders() {
		if to := change(name); to != "" {
			f.Request.Header[to] = f.Request.Header[name]
		}
		f.Request.Header.Del(name)
	}
}

func optionsIn(t testing.TB, scheme verifiers.Scheme) map[string]string {
	t.Helper()
	text, err := json.Marshal(scheme)
	if err != nil {
		t.Fatal(err)
	}
	var fields struct{ Options map[string]string }
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields.Options
}

func indent(t testing.TB, document string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(document), "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func compact(t testing.TB, document string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(document)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// resorted writes the members of a document in the order of their names.
func resorted(t testing.TB, document string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	out, _ := json.Marshal(value)
	return string(out)
}

// reversed writes the members of a document backwards.
func reversed(t testing.TB, document string) string {
	t.Helper()
	var names, values []string
	verifiers.Members(document, func(quoted, value string) bool {
		names, values = append([]string{quoted}, names...), append([]string{value}, values...)
		return true
	})
	if len(names) < 2 {
		t.Fatalf("%s has no members to reverse", document)
	}
	for i := range names {
		names[i] += ":" + values[i]
	}
	return "{" + strings.Join(names, ",") + "}"
}

// TestTwentyMistakes makes each mistake with a request that a provider would send, and
// expects it as the first cause.
func TestTwentyMistakes(t *testing.T) {
	for _, m := range twenty {
		for _, provider := range strings.Fields(m.providers) {
			t.Run(m.name+"/"+provider, func(t *testing.T) {
				f := fixtureOf(t, provider)
				if d := f.Diagnose(t.Context()); len(d.Causes) > 0 || d.Reason != "" || d.Detail != "" {
					t.Fatalf("the request is refused before the mistake: %+v", d)
				}
				m.make(f)
				d := f.Diagnose(t.Context())
				if len(d.Causes) == 0 || !strings.Contains(d.Causes[0], m.want) {
					t.Errorf("%s (%s) is explained as %q, want %q", d.Reason, d.Detail, d.Causes, m.want)
				}
				if len(d.Causes) > 1 {
					t.Errorf("more than one cause: %q", d.Causes)
				}
				if d.Reason == "" {
					t.Error("it is not refused")
				}
			})
		}
	}
}

// TestGenuine: a genuine request has no cause, and a forged one no false cause.
func TestGenuine(t *testing.T) {
	for _, row := range providers.All() {
		t.Run(row.Name, func(t *testing.T) {
			f, ok := newFixture(t, row)
			if !ok {
				t.Skip("nobody but the provider can sign for it")
			}
			d := f.Diagnose(t.Context())
			if len(d.Causes) > 0 || d.Reason != "" {
				t.Errorf("a genuine request is explained: %+v", d)
			}
			for _, step := range d.Steps {
				if step.State == verifiers.StepFailed {
					t.Errorf("a step of a genuine request failed: %+v", step)
				}
			}
			f.Secrets = []string{f.other.secret}
			d = f.Diagnose(t.Context())
			if len(d.Causes) != 1 || !strings.HasPrefix(d.Causes[0], nothing) {
				t.Errorf("a forged request (%s: %s) is explained as %q", d.Reason, d.Detail, d.Causes)
			}
			if len(d.Steps) == 0 {
				t.Error("there are no steps")
			}
		})
	}
}

// TestNothingLeaks makes every mistake that applies with a request of every provider. No
// text has a secret, or a signature: neither the one received nor the right one.
func TestNothingLeaks(t *testing.T) {
	made, least, few := 0, 2000, []verifiers.Provider{rowOf(t, "github"), rowOf(t, "stripe"), rowOf(t, "gitlab-token")}
	if underRace {
		least /= 20 // all of them take minutes then; `make test` also runs them without
	}
	for i, row := range providers.All() {
		if underRace && i%10 != 0 {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			genuine, ok := newFixture(t, row)
			if !ok {
				t.Skip("nobody but the provider can sign for it")
			}
			for _, m := range twenty {
				t.Run(m.name, func(t *testing.T) {
					f := genuine.clone()
					hidden := append(f.signatures(f.Request), f.Secrets[0], f.signs, f.other.secret)
					if !applies(f, m) {
						t.Skip("it does not apply")
					}
					made++
					f.Catalogue = few
					hidden = append(hidden, f.signatures(f.Request)...)
					hidden = append(hidden, f.Secrets...)
					if right, err := f.signedAnew(); err == nil {
						hidden = append(hidden, f.signatures(right)...)
					}
					for _, secret := range hidden {
						hidden = append(hidden, strings.TrimSpace(secret))
					}
					shown, err := json.Marshal(f.Diagnose(t.Context()))
					if err != nil {
						t.Fatal(err)
					}
					for _, secret := range hidden {
						quoted, _ := json.Marshal(secret)
						if len(secret) > 5 && bytes.Contains(shown, quoted[1:len(quoted)-1]) {
							t.Errorf("a secret or a signature is shown in %s", shown)
						}
					}
				})
			}
		})
	}
	if made < least {
		t.Errorf("only %d mistakes were made", made)
	}
}

// clone returns a fixture that can be changed by itself.
func (f *fixture) clone() *fixture {
	c := *f
	r := *f.Request
	r.Header, r.Body = f.Request.Header.Clone(), bytes.Clone(f.Request.Body)
	c.Request, c.Secrets = &r, slices.Clone(f.Secrets)
	return &c
}

// applies makes a mistake, and reports whether the provider's requests let it.
func applies(f *fixture, m mistake) (ok bool) {
	inner := &testing.T{}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine
		defer close(done)
		f.t = inner
		m.make(f)
		ok = true
	}()
	<-done
	return ok && !inner.Failed() && !inner.Skipped()
}

// signedAnew is the request as it was received with the signature that would be right.
func (f *fixture) signedAnew() (*verifiers.Request, error) {
	signer, ok := f.Row.Scheme.(verifiers.Signer)
	if !ok {
		return nil, errors.New("nobody can sign")
	}
	r := *f.Request
	r.Header = http.Header{}
	for name, values := range f.Request.Header {
		r.Header[name] = append([]string(nil), values...)
	}
	for _, name := range f.credentialHeaders() {
		r.Header.Del(name)
	}
	r.Body = bytes.Clone(f.Request.Body)
	return &r, signer.Sign(&r, f.signs, f.at, eventID)
}
