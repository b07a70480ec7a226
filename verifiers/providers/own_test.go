package providers_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// own are the providers with schemes of their own.
var own = []string{
	"abacatepay", "adyen", "braintree", "contentful", "hygraph", "mercadopago", "midtrans-snap-bi", "novalnet", "nowpayments",
	"paddle-classic", "segment", "treezor", "trustpay", "twilio", "vonage-sms-sig",
}

// ownVectors calls f with each of their accepted vectors.
func ownVectors(t testing.TB, f func(slug string, v *vector)) {
	for _, slug := range own {
		paths, err := filepath.Glob("../testdata/" + slug + "/*.txtar")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: no vectors (%v)", slug, err)
		}
		for _, path := range paths {
			v, err := readVector(path)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if v.expect == "accepted" {
				f(slug, v)
			}
		}
	}
}

// TestOwnTampering changes the body and the URL in every place. Where the request
// is still accepted, the event and the parts reported as signed are the same: these
// schemes sign a text made of a request, so the request may be written in another
// way, or have more than the signed parts.
func TestOwnTampering(t *testing.T) {
	ownVectors(t, func(slug string, v *vector) {
		want, _ := v.judge(t, v.request, v.secrets...)
		want.Content = bytes.Clone(want.Content)
		check := func(what string, i int, r *verifiers.Request) {
			got, verdict := v.judge(t, r, v.secrets...)
			switch {
			case verdict != "accepted":
			case want.Signed.ID && got.ID != want.ID, want.Signed.Type && got.Type != want.Type,
				want.Signed.Timestamp && got.Timestamp != want.Timestamp, got.Signed != want.Signed && slug != "segment":
				t.Errorf("%s/%s: %s at %d makes %+v of %+v", slug, v.name, what, i, got, want)
			case !bytes.Equal(got.Content, want.Content) && slug != "novalnet": // whose row says why
				t.Errorf("%s/%s: %s at %d makes another event under the same signature", slug, v.name, what, i)
			}
		}
		body := v.request.Body
		for i := range body {
			for _, mask := range []byte{0x01, 0x20, 0x80} {
				check("a changed byte in the body", i, v.changed(func(r *verifiers.Request) {
					r.Body = bytes.Clone(body)
					r.Body[i] ^= mask
				}))
			}
			check("a byte less in the body", i, v.changed(func(r *verifiers.Request) { r.Body = slices.Delete(bytes.Clone(body), i, i+1) }))
			check("a byte twice in the body", i, v.changed(func(r *verifiers.Request) { r.Body = slices.Insert(bytes.Clone(body), i, body[i]) }))
			check("a shorter body", i, v.changed(func(r *verifiers.Request) { r.Body = body[:i] }))
		}
		for i := range v.request.URL {
			for _, mask := range []byte{0x01, 0x20} {
				check("a changed byte in the URL", i, v.changed(func(r *verifiers.Request) {
					r.URL = r.URL[:i] + string(r.URL[i]^mask) + r.URL[i+1:]
				}))
			}
		}
		check("a query", 0, v.changed(func(r *verifiers.Request) { r.URL += "?x=1" }))
		check("another parameter", 0, v.changed(func(r *verifiers.Request) { r.URL += "&x=1" }))
	})
}

// TestOwnSecrets gives secrets of the wrong form, of which the error names the
// right form and never the value.
func TestOwnSecrets(t *testing.T) {
	const private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"
	for _, c := range []struct{ slug, options, secret, want string }{
		{"contentful", "", "too short to be one", "64 characters"},
		{"adyen", "", "not hex at all", "hex"},
		{"adyen", "", "ABC", "hex"},
		{"braintree", "", "private_key_of_an_account", "public_key"},
		{"braintree", `{"public_key":"one two"}`, "private_key_of_an_account", "public_key"},
		{"paddle-classic", "", private, "private"},
		{"midtrans-snap-bi", "", "not a key at all", "public key"},
		{"midtrans-snap-bi", "", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "RSA"},
		{"vonage-sms-sig", `{"algorithm":"sha3"}`, "a secret of an account", "algorithm"},
	} {
		p, ok := providers.Lookup(c.slug)
		if !ok {
			t.Fatal(c.slug)
		}
		fields := `{}`
		if c.options != "" {
			fields = `{"options":` + c.options + `}`
		}
		s, err := verifiers.Override(p.Scheme, json.RawMessage(fields))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Verifier(c.secret)
		switch {
		case err == nil:
			t.Errorf("%s: no error", c.slug)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %q does not say %q", c.slug, err, c.want)
		case strings.Contains(err.Error(), c.secret):
			t.Errorf("%s: the error shows the secret", c.slug)
		}
	}
}

// TestOwnSharing verifies with one verifier from several sides at once.
func TestOwnSharing(t *testing.T) {
	ownVectors(t, func(slug string, v *vector) {
		t.Run(slug+"/"+v.name, func(t *testing.T) {
			verifier, err := v.scheme.Verifier(v.secrets...)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			for range 4 {
				go func() {
					_, err := verifier.Verify(t.Context(), v.request)
					done <- err
				}()
			}
			for range 4 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	})
}

// FuzzOwn sends anything to each of the schemes. No event is accepted but those of
// the vectors, and every refusal has a reason.
func FuzzOwn(f *testing.F) {
	type target struct {
		v        *vector
		verifier verifiers.Verifier
	}
	var targets []target
	genuine := map[string]bool{} // slug and content that were signed
	ownVectors(f, func(slug string, v *vector) {
		verifier, err := v.scheme.Verifier(v.secrets...)
		if err != nil {
			f.Fatal(err)
		}
		ev, err := verifier.Verify(f.Context(), v.request)
		if err != nil {
			f.Fatal(err)
		}
		targets = append(targets, target{v, verifier})
		genuine[slug+"\n"+string(ev.Content)] = true
		for name, values := range v.request.Header {
			f.Add(byte(len(targets)-1), v.request.URL, name, values[0], v.request.Body)
		}
	})
	f.Fuzz(func(t *testing.T, selector byte, url, name, value string, body []byte) {
		to := targets[int(selector)%len(targets)]
		r := to.v.changed(func(r *verifiers.Request) {
			r.URL, r.Body = url, body
			r.Header.Set(name, value)
		})
		ev, err := to.verifier.Verify(t.Context(), r)
		switch {
		case err != nil && verifiers.ReasonOf(err) == "":
			t.Errorf("an error without a reason: %v", err)
		case err == nil && !genuine[to.v.provider.Name+"\n"+string(ev.Content)] && to.v.provider.Name != "novalnet":
			t.Errorf("%s: accepted as an event that nobody signed", to.v.provider.Name)
		}
	})
}

// TestOwnHandshakes sends handshakes as the providers do. The
// answer to Braintree's challenge is that of the npm package braintree.
func TestOwnHandshakes(t *testing.T) {
	const challenge = "20f9f8ed05f77439fe955c977e4c8a53"
	for _, c := range []struct {
		slug, method, query, body string
		want                      int // the status; 0: no handshake
		answer                    string
	}{
		{"braintree", "GET", "?bt_challenge=" + challenge, "", 200, "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4"},
		{"braintree", "GET", "?bt_challenge=" + challenge[:19], "", 403, ""},
		{"braintree", "GET", "?bt_challenge=" + challenge + "0", "", 403, ""},
		{"braintree", "GET", "?bt_challenge=" + strings.ToUpper(challenge), "", 403, ""},
		{"braintree", "GET", "?bt_challenge=PG5vdGlmaWNhdGlvbj48", "", 403, ""},
		{"braintree", "GET", "", "", 0, ""},
		{"braintree", "POST", "?bt_challenge=" + challenge, "bt_payload=AA", 0, ""},
		{"mandrill", "HEAD", "", "", 200, ""},
		{"mandrill", "POST", "", "mandrill_events=%5B%5D", 200, ""},
		{"mandrill", "POST", "", "mandrill_events=%5B%7B%7D%5D", 0, ""},
		{"mandrill", "POST", "", "mandrill_events=%5B%5D&mandrill_events=%5B%7B%7D%5D", 0, ""},
	} {
		p, _ := providers.Lookup(c.slug)
		h, err := verifiers.CompileHandshakes(p.Handshakes, map[string]string{"public_key": "integration_public_key"}, "integration_private_key")
		if err != nil {
			t.Fatal(err)
		}
		r := &verifiers.Request{Method: c.method, URL: "https://hooks.example.com/in" + c.query, Header: http.Header{}, Body: []byte(c.body)}
		if c.body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		reply, ok := h.Answer(r, false)
		if ok != (c.want != 0) || ok && (reply.Status != c.want || string(reply.Body) != c.answer) {
			t.Errorf("%s %s%s: %v %d %s", c.slug, c.method, c.query, ok, reply.Status, reply.Body)
		}
	}
}
