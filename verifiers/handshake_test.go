package verifiers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// handshakeCases are one handshake of each kind that providers have.
var handshakeCases = []struct {
	name   string
	data   Handshake
	method string
	url    string
	header string // lines
	body   string
	want   string // "": no handshake; else status, type, headers, body
}{
	{
		name: "a challenge in plain text", data: urlVerification,
		body: `{"type":"url_verification","challenge":"3eZb"}`, want: "200 text/plain; charset=utf-8 3eZb",
	},
	{name: "another event", data: urlVerification, body: `{"type":"event_callback","challenge":"3eZb"}`},
	{name: "no JSON", data: urlVerification, body: `{"type":"url_verification","challenge":"3eZb"} x`},
	{name: "another method", data: urlVerification, method: "PUT", body: `{"type":"url_verification","challenge":"3eZb"}`},
	{
		name: "without what is to be repeated", data: urlVerification,
		body: `{"type":"url_verification"}`, want: "403",
	},
	{
		name: "a form", data: Handshake{When: []Condition{{Of: "{form:ssl_check}", Is: []string{"1"}}}},
		header: "Content-Type: application/x-www-form-urlencoded", body: "ssl_check=1&token=x", want: "200",
	},
	{
		name: "JSON for JSON", data: Handshake{
			When: []Condition{{Of: "{json:type}", Is: []string{"1"}}},
			Type: "application/json", Body: `{{"type":1}}`,
		},
		body: `{"type":1}`, want: `200 application/json {"type":1}`,
	},
	{
		name: "a type without a body", data: Handshake{
			When: []Condition{{Of: "{json:type}", Is: []string{"0"}}}, Status: 204, Type: "application/json",
		},
		body: `{"type":0}`, want: "204 application/json",
	},
	{
		name: "quotes stay inside their string", data: echoJSON,
		body: `{"challenge":"a\",\"admin\":\"\u2028\\<b>"}`, want: `200 application/json {"challenge":"a\",\"admin\":\"\u2028\\\u003cb\u003e"}`,
	},
	{
		name: "the right token", data: subscribe, method: "GET",
		url: "https://h.example/m?hub.mode=subscribe&hub.verify_token=t0ken&hub.challenge=115", want: "200 text/plain; charset=utf-8 115",
	},
	{
		name: "either of two tokens", data: subscribe, method: "GET",
		url: "https://h.example/m?hub.mode=subscribe&hub.verify_token=other&hub.challenge=115", want: "200 text/plain; charset=utf-8 115",
	},
	{
		name: "a wrong token", data: subscribe, method: "GET",
		url: "https://h.example/m?hub.mode=subscribe&hub.verify_token=t0ken+other&hub.challenge=115", want: "404",
	},
	{
		name: "no token", data: subscribe, method: "GET",
		url: "https://h.example/m?hub.mode=subscribe&hub.challenge=115", want: "404",
	},
	{
		name: "a token twice", data: subscribe, method: "GET",
		url: "https://h.example/m?hub.mode=subscribe&hub.verify_token=t0ken&hub.verify_token=t0ken&hub.challenge=115", want: "404",
	},
	{
		name: "a challenge decoded", data: Handshake{
			When: []Condition{{Of: "{query:validationToken}"}}, Body: "{query:validationToken}",
		},
		url: "https://h.example/?validationToken=Validation%3a+%3Cscript%3E", want: "200 text/plain; charset=utf-8 Validation: <script>",
	},
	{
		name: "a challenge that is too long", data: Handshake{
			When: []Condition{{Of: "{query:validationToken}"}}, Body: "{query:validationToken}",
		},
		url: "https://h.example/?validationToken=" + strings.Repeat("a", maxReply+1), want: "403",
	},
	{
		name: "an option in the answer", data: Handshake{
			Method: "GET", When: []Condition{{Of: "{query:bt_challenge}"}},
			Guard: []Condition{{Of: "{query:bt_challenge}", Like: "[a-f0-9]{20,32}"}},
			Proof: Proof{Hash: "sha1", Content: "{query:bt_challenge}"},
			Body:  "{option:public_key}|{proof}",
		},
		method: "GET", url: "https://h.example/?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
		want: "200 text/plain; charset=utf-8 pub_1|ba53b96331e77e49552cbdae1e8ee2f5bf02d1b6",
	},
	{
		name: "a digest without a secret", data: Handshake{
			Method: "GET", When: []Condition{{Of: "{query:challenge_code}"}},
			Proof: Proof{Digest: true, Content: "{query:challenge_code}{option:public_key}x"},
			Type:  "application/json", Body: `{{"challengeResponse":"{proof}"}}`,
		},
		method: "GET", url: "https://h.example/?challenge_code=a8628072-3d33-45ee-9004-bee86830a22d",
		want: `200 application/json {"challengeResponse":"` + sha256Hex("a8628072-3d33-45ee-9004-bee86830a22dpub_1x") + `"}`,
	},
	{
		name: "HEAD", data: Handshake{Method: "HEAD"}, method: "HEAD", want: "200",
	},
	{
		name: "OPTIONS with headers that are there or not", data: Handshake{
			Method: "OPTIONS", When: []Condition{{Of: "{header:WebHook-Request-Origin}"}},
			Header: map[string]string{
				"WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}",
				"WebHook-Allowed-Rate":   "{header:WebHook-Request-Rate}", "Allow": "POST",
			},
		},
		method: "OPTIONS", header: "Webhook-Request-Origin: eventemitter.example.com", want: "200 Allow:POST Webhook-Allowed-Origin:eventemitter.example.com",
	},
	{
		name: "no new line in a header", data: Handshake{
			Method: "GET", When: []Condition{{Of: "{query:a}"}}, Header: map[string]string{"X-A": "{query:a}"},
		},
		method: "GET", url: "https://h.example/?a=b%0d%0aSet-Cookie:+c", want: "403",
	},
	{
		name: "a secret handed over", data: Handshake{
			When:   []Condition{{Of: "{header:X-Hook-Secret}"}, {Of: "{header:X-Hook-Signature}", Absent: true}},
			Header: map[string]string{"X-Hook-Secret": "{header:X-Hook-Secret}"}, Enrols: "{header:X-Hook-Secret}",
		},
		header: "X-Hook-Secret: b537", want: "200 X-Hook-Secret:b537 enrol=b537",
	},
	{
		name: "an array", data: Handshake{
			When: []Condition{{Of: "{header:Aeg-Event-Type}", Is: []string{"subscriptionvalidation"}, Fold: true}},
			Type: "application/json", Body: `{{"validationResponse":"{json:0.data.validationCode}"}}`,
		},
		header: "Aeg-Event-Type: SubscriptionValidation", body: `[{"data":{"validationCode":"512d"}}]`,
		want: `200 application/json {"validationResponse":"512d"}`,
	},
	{
		name: "a call that is pinned", data: confirmed,
		body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"}`,
		want: "200 confirm=https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
	},
	{
		name: "a call to somewhere else", data: confirmed,
		body: `{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-west-1.amazonaws.com.evil.example/"}`, want: "403",
	},
}

var urlVerification = Handshake{
	When: []Condition{{Of: "{json:type}", Is: []string{"url_verification"}}}, Body: "{json:challenge}",
}

var echoJSON = Handshake{
	When: []Condition{{Of: "{json:challenge}"}}, Type: "application/json", Body: `{{"challenge":"{json:challenge}"}}`,
}

var subscribe = Handshake{
	Method: "GET", When: []Condition{{Of: "{query:hub.mode}", Is: []string{"subscribe"}}},
	Guard:  []Condition{{Of: "{query:hub.verify_token}", Is: []string{"{option:verify_token}"}}},
	Denied: 404, Body: "{query:hub.challenge}",
}

var confirmed = Handshake{
	When:    []Condition{{Of: "{json:Type}", Is: []string{"SubscriptionConfirmation"}}},
	Confirm: "{json:SubscribeURL}", Pin: []string{`https://sns\.[a-z0-9-]+\.amazonaws\.com/.*`},
}

var handshakeOptions = map[string]string{"verify_token": "t0ken other", "public_key": "pub_1"}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestHandshakes(t *testing.T) {
	for _, c := range handshakeCases {
		t.Run(c.name, func(t *testing.T) {
			h, err := CompileHandshakes([]Handshake{c.data}, handshakeOptions, "s3cret")
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{Method: "POST", URL: c.url, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(c.body)}
			if c.method != "" {
				r.Method = c.method
			}
			for line := range strings.Lines(c.header) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				r.Header.Set(name, value)
			}
			reply, ok := h.Answer(r, false)
			if got := describe(reply, ok); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if _, ok := h.Answer(r, true); ok {
				t.Error("answered as one that has to be verified first")
			}
		})
	}
}

// describe writes a reply in one line.
func describe(r HandshakeReply, ok bool) string {
	if !ok {
		return ""
	}
	words := []string{strconv.Itoa(r.Status)}
	for _, name := range []string{"Allow", "Webhook-Allowed-Origin", "Webhook-Allowed-Rate", "X-Hook-Secret"} {
		if v, ok := r.Header[name]; ok {
			words = append(words, name+":"+v[0])
		}
	}
	for _, word := range []string{r.Type, string(r.Body)} {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.Enrol != "" {
		words = append(words, "enrol="+r.Enrol)
	}
	if r.Confirm != "" {
		words = append(words, "confirm="+r.Confirm)
	}
	return strings.Join(words, " ")
}

// TestProofIsNoOracle holds that a handshake which anybody can ask for cannot be
// made to sign an event.
func TestProofIsNoOracle(t *testing.T) {
	crc := func(like string) Handshake {
		return Handshake{
			Method: "GET", When: []Condition{{Of: "{query:crc_token}"}},
			Guard: []Condition{{Of: "{query:crc_token}", Like: like}},
			Proof: Proof{Content: "{query:crc_token}", Encoding: "base64"},
			Type:  "application/json", Body: `{{"response_token":"sha256={proof}"}}`,
		}
	}
	for _, like := range []string{"", ".{1,128}", "[A-Za-z0-9_-]+", `[ -~]{1,100}`, `[a-z]*`, `\{[a-z]{1,9}\}`, `[^{]{1,9}`, `\S{1,9}`, `v0:[a-z]{1,9}`, `(?s:.)`} {
		if _, err := CompileHandshakes([]Handshake{crc(like)}, nil, "s3cret"); err == nil {
			t.Errorf("a guard like %q is enough", like)
		}
	}
	unguarded := crc("x")
	unguarded.Guard = nil
	if _, err := CompileHandshakes([]Handshake{unguarded}, nil, "s3cret"); err == nil {
		t.Error("no guard is enough")
	}
	if unguarded.Verified = true; true {
		if _, err := CompileHandshakes([]Handshake{unguarded}, nil, "s3cret"); err != nil {
			t.Errorf("a signed one needs no guard: %v", err)
		}
	}

	h, err := CompileHandshakes([]Handshake{crc("[A-Za-z0-9_-]{1,128}")}, nil, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte("aToken-1"))
	good := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for token, want := range map[string]string{
		"aToken-1":                       `200 application/json {"response_token":"sha256=` + good + `"}`,
		"%7B%22forged%22:%22event%22%7D": "403",
		"%5B%5D":                         "403",
		"a%3Db%26c":                      "403",
		"v0:1531420618:body":             "403",
		"1614265330.body":                "403",
		"aToken-1%0A":                    "403",
		strings.Repeat("a", 129):         "403",
		"aToken-1&crc_token=aToken-2":    "",
		"%3Cxml%2F%3E":                   "403",
		"":                               "",
	} {
		reply, ok := h.Answer(&Request{Method: "GET", URL: "https://h.example/x?crc_token=" + token}, false)
		if got := describe(reply, ok); got != want {
			t.Errorf("crc_token=%s: got %s, want %s", token, got, want)
		}
	}
}

// TestHandshakeErrors: rows that contradict themselves are refused.
func TestHandshakeErrors(t *testing.T) {
	for want, h := range map[string]Handshake{
		"without a condition": {},
		"unknown token":       {Method: "GET", Body: "{nothing}"},
		"plain text or JSON":  {Method: "GET", Type: "text/html", Body: "{query:a}"},
		"nothing pins":        {Method: "GET", Confirm: "{query:a}"},
		"unknown hash":        {Method: "GET", Proof: Proof{Hash: "crc", Content: "x"}},
		"cannot be compared":  {When: []Condition{{Of: "{json:a}", Is: []string{"b"}, Absent: true}}},
		"missing closing":     {When: []Condition{{Of: "{json:a}", Like: "["}}},
		"exclude each other":  {When: []Condition{{Of: "{json:a}", Is: []string{"b"}, Like: "c"}}},
	} {
		_, err := CompileHandshakes([]Handshake{h}, nil, "s3cret")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestOptionNotGiven holds that a guard on an option which the endpoint does not
// give lets nobody through, and that no secret proves nothing.
func TestOptionNotGiven(t *testing.T) {
	h, err := CompileHandshakes([]Handshake{subscribe, {
		Method: "GET", When: []Condition{{Of: "{query:c}", Like: "[a-z]{1,9}"}}, Proof: Proof{Content: "{query:c}"}, Body: "{proof}",
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"https://h.example/?hub.mode=subscribe&hub.verify_token=&hub.challenge=1":                          "404",
		"https://h.example/?hub.mode=subscribe&hub.verify_token=%7Boption:verify_token%7D&hub.challenge=1": "404",
		"https://h.example/?c=abc": "403",
	} {
		reply, ok := h.Answer(&Request{Method: "GET", URL: url}, false)
		if got := describe(reply, ok); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
