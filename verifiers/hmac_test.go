package verifiers

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// received is a JSON request with headers given as name, value, name, value.
func received(body string, headers ...string) *Request {
	r := &Request{Method: "POST", URL: "https://example.com/in", Header: http.Header{}, Body: []byte(body)}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// mustVerifier compiles a scheme.
func mustVerifier(t testing.TB, s Scheme, secrets ...string) Verifier {
	t.Helper()
	v, err := s.Verifier(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemeErrors(t *testing.T) {
	good := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}"}
	for _, test := range []struct {
		name    string
		change  func(*HMAC)
		secrets []string
		want    string // in the error
	}{
		{"good", func(h *HMAC) {}, []string{"a"}, ""},
		{"hash", func(h *HMAC) { h.Hash = "sha3" }, []string{"a"}, `unknown hash "sha3"`},
		{"two hashes", func(h *HMAC) { h.Hash = "sha256,sha1" }, []string{"a"}, "{hash}"},
		{"encoding", func(h *HMAC) { h.Signature.Encoding = "b64" }, []string{"a"}, `unknown encoding "b64"`},
		{"from", func(h *HMAC) { h.Signature.From = "cookie" }, []string{"a"}, `unknown place "cookie"`},
		{"no name", func(h *HMAC) { h.Signature.Names = nil }, []string{"a"}, "no name is given"},
		{"impossible header", func(h *HMAC) { h.Signature.Names = []string{"X Sig"} }, []string{"a"}, "cannot be a header's name"},
		{"format", func(h *HMAC) { h.Timestamp = Timestamp{From: "{header:X}", Format: "iso"} }, []string{"a"}, `unknown format "iso"`},
		{"format without place", func(h *HMAC) { h.Timestamp.Format = "unix" }, []string{"a"}, "no place"},
		{"empty content", func(h *HMAC) { h.Content = "" }, []string{"a"}, "nothing of the request"},
		{"constant content", func(h *HMAC) { h.Content = "v0:" }, []string{"a"}, "nothing of the request"},
		{"unknown token", func(h *HMAC) { h.Content = "{bdy}" }, []string{"a"}, "unknown token {bdy}"},
		{"open brace", func(h *HMAC) { h.Content = "{body" }, []string{"a"}, "brace"},
		{"no argument", func(h *HMAC) { h.Content = "{header}{body}" }, []string{"a"}, "header's name"},
		{"modifier", func(h *HMAC) { h.EventID = []string{"{json:a.@reverse}"} }, []string{"a"}, "not a path"},
		{"time without place", func(h *HMAC) { h.Content = "{timestamp}{body}" }, []string{"a"}, "where the timestamp stands"},
		{"ID without place", func(h *HMAC) { h.Content = "{id}{body}" }, []string{"a"}, "where the event ID stands"},
		{"secret as ID", func(h *HMAC) { h.EventID = []string{"{secret}"} }, []string{"a"}, "cannot stand here"},
		{"item without list", func(h *HMAC) { h.Timestamp.From = "{param:t}" }, []string{"a"}, "not a list"},
		{"list without keys", func(h *HMAC) { h.Signature.Assign = "=" }, []string{"a"}, "keys that hold signatures"},
		{"keys without list", func(h *HMAC) { h.Signature.Keys = []string{"v1"} }, []string{"a"}, "makes it a list"},
		{"key that is no position", func(h *HMAC) { h.Signature.Separator, h.Signature.Keys = ",", []string{"v1"} }, []string{"a"}, "positions"},
		{"digest without secret", func(h *HMAC) { h.Digest = true }, []string{"a"}, "{secret}"},
		{"no secret", func(h *HMAC) {}, nil, "no secret"},
		{"empty secret", func(h *HMAC) {}, []string{"a", ""}, "secret 2 of 2: it is empty"},
		{"keccak256 with a key", func(h *HMAC) { h.Hash = "keccak256" }, []string{"a"}, "for digests"},
		{"hash without names", func(h *HMAC) { h.HashFrom.From = "{header:X}" }, []string{"a"}, "both the place"},
		{"hash that is not allowed", func(h *HMAC) {
			h.Hash, h.HashFrom = "sha256", HashChoice{"{header:X}", map[string]string{"a": "sha1"}}
		}, []string{"a"}, "not among those allowed"},
		{"option that is not given", func(h *HMAC) { h.Content = "{option:project}{body}" }, []string{"a"}, "the option project"},
		{"options alone", func(h *HMAC) {
			h.Content, h.Options = "{option:project}", map[string]string{"project": "a"}
		}, []string{"a"}, "nothing of the request"},
		{"document in JSON", func(h *HMAC) { h.Document = []string{"{json:data}"} }, []string{"a"}, "document"},
		{"addressee that is not signed", func(h *HMAC) { h.Addressee = []Condition{{Of: "{header:X-Account}", Is: []string{"a"}}} }, []string{"a"}, "proves nothing"},
		{"normal form", func(h *HMAC) { h.Secret.Normalise = "nfc" }, []string{"a"}, "normal form"},
		{"hash of the secret", func(h *HMAC) { h.Secret.Hash = "sha3" }, []string{"a"}, "unknown hash"},
		{"secret encoding", func(h *HMAC) { h.Secret.Encoding = "b64" }, []string{"a"}, `unknown encoding "b64"`},
		{"not base64", func(h *HMAC) { h.Secret.Encoding = "base64" }, []string{"TOPSECRET!"}, "not base64"},
		{"not hex", func(h *HMAC) { h.Secret.Encoding = "hex" }, []string{"TOPSECRET"}, "not hex"},
		{"only a prefix", func(h *HMAC) { h.Secret.Prefixes = []string{"whsec_"} }, []string{"whsec_"}, "nothing is left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := good
			test.change(&h)
			_, err := h.Verifier(test.secrets...)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to contain %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "TOPSECRET") {
				t.Errorf("the error contains the secret: %v", err)
			}
		})
	}
}

// TestSecretFormats decodes one key from its various spellings.
func TestSecretFormats(t *testing.T) {
	for _, test := range []struct {
		format SecretFormat
		secret string
	}{
		{SecretFormat{}, "key?>"},
		{SecretFormat{Encoding: "hex"}, "6b65793f3e"},
		{SecretFormat{Encoding: "base64"}, "a2V5Pz4="},
		{SecretFormat{Encoding: "base64"}, "a2V5Pz4"},
		{SecretFormat{Prefixes: []string{"v1,", "whsec_"}, Encoding: "base64"}, "v1,whsec_a2V5Pz4="},
		{SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64", Unprefixed: "utf8"}, "key?>"},
		{SecretFormat{Named: true}, "id.1:key?>"},
		{SecretFormat{Named: true, Encoding: "base64"}, "id:a2V5Pz4="},
		{SecretFormat{Normalise: "nfkd"}, "\uff4b\uff45\uff59?>"}, // full-width letters
	} {
		if key, err := test.format.pasted(test.secret); string(key) != "key?>" || err != nil {
			t.Errorf("%+v %q: %q, %v", test.format, test.secret, key, err)
		}
	}
}

// TestLimits sends costly requests, which have to be refused as malformed.
func TestLimits(t *testing.T) {
	list := Signature{Names: []string{"X-Sig"}, Separator: ",", Assign: "=", Keys: []string{"v1"}}
	for name, value := range map[string]string{
		"long value":      strings.Repeat("0", maxSignatureValue+1),
		"many signatures": strings.Repeat("v1=00,", maxSignatures+1),
		"many bad ones":   strings.Repeat("v1=x,", maxSignatures+1),
		"many items":      strings.Repeat("a=b,", maxItems+1) + "v1=00",
	} {
		_, err := mustVerifier(t, HMAC{Signature: list, Content: "{body}"}, "a").Verify(t.Context(), received("hello", "X-Sig", value))
		if ReasonOf(err) != MalformedSignature {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := mustVerifier(t, HMAC{Signature: list, Content: "{body}"}, "a").Verify(t.Context(),
		received("hello", "X-Sig", strings.Repeat("v1=00,", maxSignatures)))
	if ReasonOf(err) != WrongSignature {
		t.Errorf("as many as are allowed: %v", err)
	}
}

func TestClocks(t *testing.T) {
	at := time.Date(2020, 9, 13, 12, 26, 40, 0, time.UTC)
	for _, test := range []struct {
		clock clock
		text  string
		want  time.Time // zero: malformed
	}{
		{clockUnix, "1600000000", at},
		{clockUnix, "253402300799", time.Unix(lastSecond, 0)},
		{clockUnix, "253402300800", time.Time{}},
		{clockUnix, strings.Repeat("9", 30), time.Time{}},
		{clockUnix, "-1", time.Time{}},
		{clockUnix, "+1600000000", time.Time{}},
		{clockUnix, "01600000000", time.Time{}},
		{clockUnix, "1600000000.0", time.Time{}},
		{clockUnix, "1.6e9", time.Time{}},
		{clockUnix, " 1600000000", time.Time{}},
		{clockUnix, "0", time.Time{}},
		{clockUnix, "", time.Time{}},
		{clockUnixMS, "1600000000000", at},
		{clockUnixMS, "1600000000123", at.Add(123 * time.Millisecond)},
		{clockUnixMS, strings.Repeat("9", 18), time.Time{}},
		{clockUnixAuto, "1600000000", at},
		{clockUnixAuto, "1600000000123", at.Add(123 * time.Millisecond)},
		{clockUnixAuto, strings.Repeat("9", 18), time.Time{}},
		{clockDatetime, "2020-09-13 12:26:40", at},
		{clockDatetime, "2020-09-13 12:26:40.0", time.Time{}},
		{clockDatetime, "2020-09-13T12:26:40", time.Time{}},
		{clockDatetime, "2020-9-13 012:26:40", time.Time{}},
		{clockRFC3339, "2020-09-13T12:26:40Z", at},
		{clockRFC3339, "2020-09-13T12:26:40.000000000Z", at},
		{clockRFC3339, "2020-09-13T14:26:40+02:00", at},
		{clockRFC3339, "2020-09-13 12:26:40Z", time.Time{}},
		{clockRFC3339, "2020-09-13T12:26:40", time.Time{}},
		{clockRFC3339, "2020-09-13T12:26:40,5Z", time.Time{}},
		{clockRFC3339, "0001-01-01T00:00:00Z", time.Time{}},
		{clockRFC3339, "2020-09-13T12:26:40." + strings.Repeat("0", 1<<20) + "Z", time.Time{}},
		{clockRFC1123, "Sun, 13 Sep 2020 12:26:40 GMT", at},
		{clockRFC1123, "Sun, 13 Sep 2020 14:26:40 +0200", at},
		{clockRFC1123, "Sun, 13 Sep 2020 12:26:40 CEST", time.Time{}},
	} {
		got, ok := test.clock.parse(test.text)
		if ok != !test.want.IsZero() || ok && !got.Equal(test.want) {
			t.Errorf("%s %.40q: %v, %v", test.clock, test.text, got, ok)
		}
		if back, ok := test.clock.parse(test.clock.format(at)); !ok || !back.Equal(at) {
			t.Errorf("%s does not read what it writes", test.clock)
		}
	}
}

// TestEventOutlivesBody overwrites the request's body after the verdict, as a
// caller with pooled buffers does.
func TestEventOutlivesBody(t *testing.T) {
	h := HMAC{
		Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}",
		Facts: Facts{EventID: []string{"{json:id}"}, EventType: []string{"{json:type}"}},
	}
	r := received(`{"id":"evt_1","type":"order"}`)
	if err := h.Sign(r, "a", time.Unix(1600000000, 0), ""); err != nil {
		t.Fatal(err)
	}
	ev, err := mustVerifier(t, h, "a").Verify(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	clear(r.Body)
	if ev.ID != "evt_1" || ev.Type != "order" {
		t.Errorf("the event changed with the body: %+v", ev)
	}
}

// TestContentHidesSecret wants the content of a digest to be free of it.
func TestContentHidesSecret(t *testing.T) {
	h := HMAC{Digest: true, Signature: Signature{Names: []string{"X-Sig"}}, Content: "{header:X-Nonce}{secret}"}
	r := received("", "X-Nonce", "n1")
	if err := h.Sign(r, "TOPSECRET", time.Unix(1600000000, 0), ""); err != nil {
		t.Fatal(err)
	}
	ev, err := mustVerifier(t, h, "TOPSECRET").Verify(t.Context(), r)
	if err != nil || string(ev.Content) != "n1" {
		t.Errorf("content %q, %v", ev.Content, err)
	}
}

// TestConcurrent is for the race detector: states are pooled.
func TestConcurrent(t *testing.T) {
	h := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: Facts{EventID: []string{"{json:id}"}}}
	v := mustVerifier(t, h, "old", "a")
	var wg sync.WaitGroup
	for _, id := range []string{"1", "2", "3", "4"} {
		wg.Go(func() {
			r := received(`{"id":"` + id + `"}`)
			if err := h.Sign(r, "a", time.Unix(1600000000, 0), ""); err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				if ev, err := v.Verify(t.Context(), r); err != nil || ev.ID != id {
					t.Errorf("%s: %+v, %v", id, ev, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestReasonOf(t *testing.T) {
	if got := ReasonOf(refuse(StaleTimestamp, "by %d s", 3)); got != StaleTimestamp {
		t.Errorf("got %q", got)
	}
	if got := ReasonOf(errors.New("other")); got != "" {
		t.Errorf("got %q", got)
	}
}
