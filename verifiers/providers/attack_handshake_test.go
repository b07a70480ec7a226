package providers_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

var token = regexp.MustCompile(`\{(query|header|json|form):([^}]*)\}`)

// challenges are texts that an attacker might want signed, reflected or written into
// an answer's header.
var challenges = []string{
	"", " ", "<script>alert(1)</script>", `"><img src=x>`, "a\r\nX-Injected: b", "a\nb", "a\x00b", "a\rb", "\u2028", "javascript:alert(1)", "${x}", "{{x}}", "../../etc/passwd",
	`{"id":"1","type":"payment.succeeded"}`, `[{"id":1}]`, ` {"id":"1"}`, "\t{}", "\ufeff{}", "{", "[", "v0:1772366400:{}", "1772366400.{}", "msg_1.1772366400.{}", "1772366400{}",
	"<xml/>", "a=b&c=d", "id=1;ts=2", "PHhtbC8+", base64.StdEncoding.EncodeToString([]byte("<notification><kind>check</kind></notification>")), "é", "\xff\xfe", "%0d%0a",
	strings.Repeat("a", 10_000), strings.Repeat("a", 1_000_000), "a\\u000d\\u000a",
}

// asked makes a request that meets a handshake's conditions as far as that can be
// told, with a value in every place that the answer repeats.
func asked(h verifiers.Handshake, options map[string]string, value string) *verifiers.Request {
	r := &verifiers.Request{Method: http.MethodPost, URL: "https://hooks.example.com/in", Header: http.Header{}}
	if h.Method != "" {
		r.Method = h.Method
	}
	fields := map[string]string{}
	conditions := slices.Concat(h.When, h.Guard)
	for _, c := range conditions {
		for _, m := range token.FindAllString(c.Of, -1) {
			text := "x1"
			if len(c.Is) > 0 {
				text = c.Is[0]
			}
			if name, ok := strings.CutPrefix(text, "{option:"); ok {
				text = options[strings.TrimSuffix(name, "}")]
			}
			if !c.Absent {
				fields[m] = text
			}
		}
	}
	repeated := h.Body + h.Proof.Content + h.Enrols + h.Confirm + strings.Join(slices.Collect(maps.Values(h.Header)), "")
	for _, m := range token.FindAllString(repeated, -1) {
		fields[m] = value
	}
	query, form, document := url.Values{}, url.Values{}, map[string]any{}
	for m, text := range fields {
		parts := token.FindStringSubmatch(m)
		switch parts[1] {
		case "query":
			query.Set(parts[2], text)
		case "header":
			r.Header[http.CanonicalHeaderKey(parts[2])] = []string{text}
		case "form":
			form.Set(parts[2], text)
		case "json":
			at := document
			names := strings.Split(parts[2], ".")
			for _, name := range names[:len(names)-1] {
				next, _ := at[name].(map[string]any)
				if next == nil {
					next = map[string]any{}
					at[name] = next
				}
				at = next
			}
			at[names[len(names)-1]] = text
		}
	}
	if len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	switch {
	case len(document) > 0:
		r.Body, _ = json.Marshal(document)
	case len(form) > 0:
		r.Body = []byte(form.Encode())
	}
	return r
}

// TestAttackHandshakes puts every challenge to every handshake. An answer repeats
// nothing that a browser would run, that would split the answer, or that is longer
// than any challenge is.
func TestAttackHandshakes(t *testing.T) {
	answered := 0
	for _, p := range providers.All() {
		options := optionsOf(p)
		h, err := verifiers.CompileHandshakes(p.Handshakes, options, handshakeSecret(p))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		for _, data := range p.Handshakes {
			for _, challenge := range append([]string{"abcdef0123456789abcdef"}, challenges...) {
				r := asked(data, options, challenge)
				reply, ok := h.Answer(r, data.Verified)
				if !ok || reply.Denied != "" {
					if len(reply.Body) > 0 || len(reply.Header) > 0 || reply.Enrol != "" || reply.Confirm != "" {
						t.Errorf("%s/%s: a denied request has an answer", p.Name, data.Name)
					}
					continue
				}
				answered++
				harmless(t, p.Name+"/"+data.Name, reply, challenge)
			}
			// Nor may an answer be had that only a verified request gets.
			if data.Verified {
				if reply, ok := h.Answer(asked(data, options, "abcdef0123456789abcdef"), false); ok && reply.Name == data.Name {
					t.Errorf("%s/%s: it is answered before it is verified", p.Name, data.Name)
				}
			}
		}
	}
	if answered < 20 {
		t.Errorf("only %d answers", answered)
	}
}

func harmless(t *testing.T, where string, reply verifiers.HandshakeReply, challenge string) {
	t.Helper()
	kind, _, _ := strings.Cut(reply.Type, ";")
	if challenge != "" && strings.Contains(string(reply.Body), challenge) && kind != "text/plain" && kind != "application/json" {
		t.Errorf("%s: %.40q comes back as %q", where, challenge, reply.Type)
	}
	if kind == "application/json" && len(reply.Body) > 0 && !verifiers.ValidJSON(reply.Body) {
		t.Errorf("%s: the answer to %.40q is no JSON: %.200q", where, challenge, reply.Body)
	}
	if len(reply.Body) > 8<<10 {
		t.Errorf("%s: an answer of %d bytes", where, len(reply.Body))
	}
	for name, values := range reply.Header {
		if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") || len(strings.Join(values, "")) > 8<<10 {
			t.Errorf("%s: the header %s is %.100q", where, name, values)
		}
	}
	if reply.Status < 200 || reply.Status >= 400 {
		t.Errorf("%s: status %d", where, reply.Status)
	}
}

// optionsOf gives every option a value.
func optionsOf(p verifiers.Provider) map[string]string {
	options := map[string]string{}
	for _, o := range p.Options {
		if options[o.Name], _, _ = strings.Cut(o.Example, " "); o.Example == "" {
			options[o.Name] = "an-option"
		}
	}
	return options
}

// handshakeSecret is a secret that the row takes.
func handshakeSecret(p verifiers.Provider) string {
	for _, c := range credentials() {
		if _, err := verifiers.CompileHandshakes(p.Handshakes, nil, c.secret); err == nil {
			if _, err := p.Scheme.Verifier(c.secret); err == nil {
				return c.secret
			}
		}
	}
	return "secret"
}

// TestAttackGuesses asks without the token that an endpoint chose, or with another:
// one that is not set is nobody's.
func TestAttackGuesses(t *testing.T) {
	tried := 0
	for _, p := range providers.All() {
		for _, data := range p.Handshakes {
			i := slices.IndexFunc(data.Guard, func(c verifiers.Condition) bool {
				return len(c.Is) > 0 && strings.HasPrefix(c.Is[0], "{option:")
			})
			if i < 0 {
				continue
			}
			tried++
			name := strings.TrimSuffix(strings.TrimPrefix(data.Guard[i].Is[0], "{option:"), "}")
			for _, chosen := range []string{"", "Right-token"} {
				for _, guess := range []string{
					"", " ", "x", "right-token", "RIGHT-TOKEN", "Right-toke", "Right-token ", " Right-token", "Right-token\x00", "Right-token\n", "Right-tokenx", "{option:" + name + "}",
					"null", "undefined", "true", "0", "*", ".*", "Right-token Right-token", "Right%2Dtoken", "Right\u2010token",
				} {
					h, err := verifiers.CompileHandshakes([]verifiers.Handshake{data}, map[string]string{name: chosen}, handshakeSecret(p))
					if err != nil {
						t.Fatal(err)
					}
					r := asked(data, map[string]string{name: guess}, "abcdef0123456789abcdef")
					if reply, ok := h.Answer(r, data.Verified); ok && reply.Denied == "" {
						t.Errorf("%s/%s: %q passes for %q", p.Name, data.Name, guess, chosen)
					}
				}
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d guards", tried)
	}
}

// TestAttackOracle asks for the proofs of texts that are signed contents, and sends
// the proof as the signature of an event.
func TestAttackOracle(t *testing.T) {
	run := regexp.MustCompile(`[0-9a-fA-F]{40,}|[A-Za-z0-9+/]{27,}=*`)
	tried := 0
	for _, p := range providers.All() {
		secret := handshakeSecret(p)
		options := optionsOf(p)
		h, err := verifiers.CompileHandshakes(p.Handshakes, options, secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range p.Handshakes {
			if data.Proof.Content == "" {
				continue
			}
			tried++
			v, err := filled(t, p).Verifier(secret)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range append(challenges, "abcdef0123456789abcdef", "abcdef0123456789abcdef0123456789", "e30", "e30=", "MQ==", "0", "true", "null", "-1") {
				reply, ok := h.Answer(asked(data, options, text), data.Verified)
				if !ok || reply.Denied != "" {
					continue
				}
				for _, proof := range run.FindAllString(string(reply.Body), -1) {
					forged(t, p, v, text, proof)
				}
			}
		}
	}
	if tried < 4 {
		t.Errorf("only %d proofs", tried)
	}
}

// forged sends a text as an event, with a proof wherever a signature may stand.
func forged(t *testing.T, p verifiers.Provider, v verifiers.Verifier, text, proof string) {
	t.Helper()
	sample := p.Sample.Request("https://hooks.example.com/in", atNoon, "id")
	forms := []string{text, "bt_signature=integration_public_key%7C" + url.QueryEscape(proof) + "&bt_payload=" + url.QueryEscape(text)}
	for _, prefix := range []string{"", "sha256=", "v0=", "v1=", "sha1="} {
		for _, body := range forms {
			r := *sample
			r.Header, r.Body = sample.Header.Clone(), []byte(body)
			for _, name := range []string{"X-Twitter-Webhooks-Signature", "X-Zm-Signature", "X-Signature", "X-Ebay-Signature", "X-Hub-Signature-256"} {
				r.Header.Set(name, prefix+proof)
			}
			r.Header.Set("X-Zm-Request-Timestamp", "1772366400")
			if ev, err := v.Verify(t.Context(), &r); err == nil {
				t.Errorf("%s: the proof of %q is the signature of an event: %+v", p.Name, text, ev)
			}
		}
	}
}

// TestAttackConfirm writes other URLs to the place of the URL that a handshake calls.
func TestAttackConfirm(t *testing.T) {
	genuine := map[string]string{
		"aws-sns": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336412f37",
	}
	for _, p := range providers.All() {
		for _, data := range p.Handshakes {
			if data.Confirm == "" {
				continue
			}
			options := optionsOf(p)
			h, err := verifiers.CompileHandshakes([]verifiers.Handshake{data}, options, handshakeSecret(p))
			if err != nil {
				t.Fatal(err)
			}
			good := genuine[p.Name]
			if good == "" {
				t.Errorf("%s/%s: give this test a genuine URL", p.Name, data.Name)
				continue
			}
			u, err := url.Parse(good)
			if err != nil {
				t.Fatal(err)
			}
			if reply, _ := h.Answer(asked(data, options, good), data.Verified); reply.Confirm != good {
				t.Errorf("%s/%s: the genuine URL is not called: %s", p.Name, data.Name, reply.Denied)
			}
			rest := strings.TrimPrefix(good, "https://"+u.Host)
			for _, other := range []string{
				"https://attacker.example" + rest, "http://" + u.Host + rest, "https://" + u.Host + ".attacker.example" + rest, "https://attacker.example/" + u.Host + rest,
				"https://" + u.Host + "@attacker.example" + rest, "https://attacker.example#" + u.Host + rest, "https://attacker.example?" + u.Host + rest, "https://attacker.example\\" + u.Host + rest,
				"https://user:password@" + u.Host + rest, "https://" + u.Hostname() + ":22" + rest, "https://" + u.Hostname() + ":8443" + rest, "https://" + u.Host + "\r\nHost: attacker.example" + rest,
				"https://127.0.0.1" + rest, "https://169.254.169.254" + rest, "https://[::1]" + rest, "https://2130706433" + rest, "https://x" + u.Host + rest, "https://x." + u.Host + rest,
				strings.Replace(good, u.Host, strings.ReplaceAll(u.Host, ".", "x"), 1), "HTTPS://" + u.Host + rest, "https:///" + u.Host + rest, "https:" + u.Host + rest, "//" + u.Host + rest,
				" " + good, good + " ", good + "\n", good + "\x00", good + "#fragment", good + "\r\n\r\nDELETE / HTTP/1.1", "https://" + u.Host + "/../" + rest, "https://" + u.Host + "/attacker" + rest,
				"https://" + u.Host + "/%2e%2e" + rest, "https://s3." + strings.TrimPrefix(u.Host, "sns.") + rest, "https://sns.attacker.s3.amazonaws.com" + rest, "https://" + u.Host + rest + "\t", "javascript:" + good, "file:///etc/passwd", "", u.Host,
			} {
				if reply, ok := h.Answer(asked(data, options, other), data.Verified); ok && reply.Confirm != "" && other != good {
					t.Errorf("%s/%s: %q is called", p.Name, data.Name, other)
				}
			}
		}
	}
}
