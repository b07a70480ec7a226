package providers_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// ownFetched are the schemes of their own that fetch keys, with the headers that
// they cannot do without.
var ownFetched = map[string][]string{
	"aws-sns":         nil,
	"paypal":          {"Paypal-Transmission-Sig", "Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Auth-Algo"},
	"plaid":           {"Plaid-Verification"},
	"ebay":            {"X-Ebay-Signature"},
	"truelayer":       {"Tl-Signature", "X-Tl-Webhook-Timestamp"},
	"mailchannels":    {"Signature", "Signature-Input", "Content-Digest"},
	"gcp-pubsub":      {"Authorization"},
	"microsoft-graph": nil,
	"neon-auth":       {"X-Neon-Signature", "X-Neon-Signature-Kid", "X-Neon-Timestamp"},
}

// eachFetched runs f on the vectors of these schemes.
func eachFetched(t *testing.T, f func(t *testing.T, v *vector)) {
	t.Helper()
	for slug := range ownFetched {
		paths, _ := filepath.Glob("../testdata/" + slug + "/*.txtar")
		if len(paths) == 0 {
			t.Errorf("no vectors of %s", slug)
		}
		for _, path := range paths {
			v, err := readVector(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(slug+"/"+v.name, func(t *testing.T) { f(t, v) })
		}
	}
}

// sourceFunc is a key source.
type sourceFunc func(verifiers.KeyRequest) (verifiers.KeyDocument, error)

func (f sourceFunc) Fetch(_ context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	return f(r)
}

// with returns the vector with another key source.
func (v *vector) with(source verifiers.KeySource) *vector {
	other := *v
	other.scheme = v.scheme.(verifiers.Fetching).WithKeySource(source)
	other.compiled = map[string]verifiers.Verifier{}
	return &other
}

// TestNothingForeignIsFetched gives the refused requests a source that would answer
// anything: none of them may make it fetch from anywhere but the provider's hosts.
func TestNothingForeignIsFetched(t *testing.T) {
	hosts := []string{
		"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-", "https://api.paypal.com/v1/notifications/certs/CERT-",
		"https://api.sandbox.paypal.com/v1/notifications/certs/CERT-", "https://production.plaid.com/webhook_verification_key/get",
		"https://sandbox.plaid.com/webhook_verification_key/get", "https://api.ebay.com/identity/v1/oauth2/token",
		"https://api.ebay.com/commerce/notification/v1/public_key/", "https://api.sandbox.ebay.com/", "https://webhooks.truelayer.com/.well-known/jwks",
		"https://webhooks.truelayer-sandbox.com/.well-known/jwks", "https://api.mailchannels.net/tx/v1/webhook/public-key?id=mckey",
		"https://www.googleapis.com/oauth2/v3/certs", "https://login.microsoftonline.com/common/discovery/v2.0/keys",
		"https://ep-example-123456.neonauth.us-east-2.aws.neon.tech/neondb/auth/.well-known/jwks.json",
	}
	eachFetched(t, func(t *testing.T, v *vector) {
		v.with(sourceFunc(func(r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
			if !slices.ContainsFunc(hosts, func(host string) bool { return strings.HasPrefix(r.URL, host) }) || strings.Contains(r.URL, "..") {
				t.Errorf("it asks for %s", r.URL)
			}
			return verifiers.KeyDocument{}, verifiers.UnavailableKey
		})).judge(t, v.request, v.secrets...)
	})
}

// TestKeysUnavailable takes the keys away from requests that are genuine: the
// sender is never to blame for that, and no error names the credentials of the fetch.
func TestKeysUnavailable(t *testing.T) {
	sources := map[string]verifiers.KeySource{
		"no source": nil,
		"down": sourceFunc(func(verifiers.KeyRequest) (verifiers.KeyDocument, error) {
			return verifiers.KeyDocument{}, errors.New("down")
		}),
	}
	for _, garbage := range []string{"", "<html>", "{}", `{"key":"x"}`, `{"keys":[{}]}`, `{"access_token":""}`, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		sources["garbage "+garbage] = sourceFunc(func(r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
			if r.Valid == nil || r.Valid([]byte(garbage)) == nil {
				t.Errorf("%s: nothing tells that %q is of no use", r.URL, garbage)
			}
			return verifiers.KeyDocument{Body: []byte(garbage), Version: 1}, nil
		})
	}
	eachFetched(t, func(t *testing.T, v *vector) {
		needs := len(v.secrets) == 0 || v.provider.Name == "microsoft-graph" && strings.Contains(string(v.request.Body), "validationTokens")
		if v.expect != "accepted" || !needs {
			return
		}
		for name, source := range sources {
			verifier, err := v.with(source).scheme.Verifier(v.secrets...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(t.Context(), v.request)
			if verifiers.ReasonOf(err) != verifiers.UnavailableKey {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), "not-a-real") {
				t.Errorf("%s: a credential is told: %v", name, err)
			}
		}
	})
}

// TestFetchedHeaders takes away, empties and doubles each header that a signature
// needs, and looks at the reason.
func TestFetchedHeaders(t *testing.T) {
	eachFetched(t, func(t *testing.T, v *vector) {
		if v.expect != "accepted" {
			return
		}
		for _, name := range ownFetched[v.provider.Name] {
			for what, change := range map[string]func(*verifiers.Request){
				"no":    func(r *verifiers.Request) { r.Header.Del(name) },
				"empty": set(name, ""),
				"two":   func(r *verifiers.Request) { r.Header.Add(name, r.Header.Get(name)) },
				"long":  set(name, strings.Repeat("A", 1<<16)),
			} {
				if _, got := v.judge(t, v.changed(change), v.secrets...); got == "accepted" {
					t.Errorf("accepted with %s %s", what, name)
				} else if what == "no" && name == ownFetched[v.provider.Name][0] && got != "missing_signature" {
					t.Errorf("without %s: %s", name, got)
				}
			}
		}
	})
}

// TestFetchedTogether judges one request from many goroutines, for the race
// detector's sake.
func TestFetchedTogether(t *testing.T) {
	eachFetched(t, func(t *testing.T, v *vector) {
		if v.expect != "accepted" {
			return
		}
		verifier, err := v.scheme.Verifier(v.secrets...)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := verifier.Verify(context.Background(), v.request); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// TestRotatedKey has TrueLayer publish a new key: the set is asked for again once.
func TestRotatedKey(t *testing.T) {
	v, err := readVector("../testdata/truelayer/webhook.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile("../testdata/truelayer/webhook.txtar")
	if err != nil {
		t.Fatal(err)
	}
	good := archive.Files[0].Data
	old := []byte(strings.ReplaceAll(string(good), "45fc75cf", "00000000"))
	for name, c := range map[string]struct {
		newer []byte
		want  string
		asked int
	}{
		"a newer set has it":        {good, "accepted", 2},
		"a newer set has it not":    {old, "wrong_signature", 2},
		"there is no newer set yet": {nil, "unavailable_key", 2},
	} {
		asked := 0
		rotating := v.with(sourceFunc(func(r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
			switch asked++; {
			case r.After == 0:
				return verifiers.KeyDocument{Body: old, Version: 7}, nil
			case r.After != 7 || c.newer == nil:
				return verifiers.KeyDocument{}, fmt.Errorf("%w: after %d", verifiers.UnavailableKey, r.After)
			}
			return verifiers.KeyDocument{Body: c.newer, Version: 8}, nil
		}))
		if _, got := rotating.judge(t, v.request); got != c.want || asked != c.asked {
			t.Errorf("%s: %s after %d fetches", name, got, asked)
		}
	}
}

// TestCRC makes another body to the CRC-32 that PayPal signed, as anybody can. The
// signature holds, so the event's report has to be right: nothing in the body counts as
// signed, and the content is that of the request that was captured.
func TestCRC(t *testing.T) {
	v, err := readVector("../testdata/paypal/fetched.txtar")
	if err != nil {
		t.Fatal(err)
	}
	want, got := v.judge(t, v.request)
	if got != "accepted" {
		t.Fatal(got)
	}
	forged := v.changed(func(r *verifiers.Request) {
		sum := crc32.ChecksumIEEE(r.Body)
		for i := 0; i == 0 || !verifiers.ValidJSON(r.Body); i++ {
			r.Body = sameCRC(fmt.Appendf(nil, `{"id":"WH-FORGED","event_type":"PAYMENT.CAPTURE.COMPLETED","n":%d,"x":"`, i), []byte(`"}`), sum)
		}
	})
	ev, got := v.judge(t, forged)
	if got != "accepted" || string(ev.Content) != string(want.Content) || ev.Signed.Body || ev.Signed.ID || ev.Signed.Type {
		t.Errorf("%s: %+v", got, ev)
	}
}

// sameCRC puts four bytes between two texts so that the whole has a given CRC-32.
func sameCRC(before, after []byte, want uint32) []byte {
	table := crc32.IEEETable
	back := func(state uint32, b byte) uint32 { // undoes one step
		for i := range table {
			if table[i]>>24 == state>>24 {
				return (state^table[i])<<8 | uint32(byte(i)^b)
			}
		}
		panic("no entry")
	}
	state := ^want
	for _, b := range slices.Backward(after) {
		state = back(state, b)
	}
	for range 4 {
		state = back(state, 0)
	}
	patch := state ^ ^crc32.ChecksumIEEE(before)
	whole := append(slices.Clone(before), byte(patch), byte(patch>>8), byte(patch>>16), byte(patch>>24))
	return append(whole, after...)
}

// TestFetchedHandshakes sends the handshakes of these providers.
func TestFetchedHandshakes(t *testing.T) {
	token := map[string]string{"verification_token": "not_a_real_verification_token_of_32"}
	challenge := "https://hooks.example.com/ebay?challenge_code=71745723-d031-455c-bfa5-f90d11b4f20a"
	sns := func(kind, url string) string { return fmt.Sprintf(`{"Type":%q,"SubscribeURL":%q}`, kind, url) }
	const confirm = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336"
	for _, c := range []struct {
		name, slug, method, url, body string
		options                       map[string]string
		verified                      bool
		status                        int // 0: no handshake
		want, confirm                 string
	}{
		// The answer of eBay's own library (event-notification-nodejs-sdk).
		{"challenge", "ebay", "GET", challenge, "", token, false, 200, `{"challengeResponse":"5954096c76f3ecd183557c439eccd6548b009d1060be0934272d39e4b25e9096"}`, ""},
		{"challenge without a token", "ebay", "GET", challenge, "", nil, false, 403, "", ""},
		{"challenge that is a text", "ebay", "GET", "https://hooks.example.com/ebay?challenge_code=%22%7D", "", token, false, 403, "", ""},
		{"no challenge", "ebay", "GET", "https://hooks.example.com/ebay", "", token, false, 0, "", ""},

		{"validation", "microsoft-graph", "POST", "https://hooks.example.com/in?validationToken=Validation%3A+Testing+client%20application+Request-Id%3a+8a1", "", nil, false, 200,
			"Validation: Testing client application Request-Id: 8a1", ""},
		{"validation by GET", "microsoft-graph", "GET", "https://hooks.example.com/in?validationToken=abc", "", nil, false, 200, "abc", ""},
		{"validation with markup", "microsoft-graph", "POST", "https://hooks.example.com/in?validationToken=%3Cscript%3E", "", nil, false, 403, "", ""},
		{"no validation", "microsoft-graph", "POST", "https://hooks.example.com/in", `{"value":[]}`, nil, false, 0, "", ""},

		{"unverified", "aws-sns", "POST", "https://hooks.example.com/in", sns("SubscriptionConfirmation", confirm), nil, false, 0, "", ""},
		{"confirmation", "aws-sns", "POST", "https://hooks.example.com/in", sns("SubscriptionConfirmation", confirm), nil, true, 200, "", confirm},
		{"elsewhere", "aws-sns", "POST", "https://hooks.example.com/in", sns("SubscriptionConfirmation", "https://sns.us-west-2.amazonaws.com.evil.example/?Action=ConfirmSubscription&x"), nil, true, 403, "", ""},
		{"over http", "aws-sns", "POST", "https://hooks.example.com/in", sns("SubscriptionConfirmation", strings.Replace(confirm, "https", "http", 1)), nil, true, 403, "", ""},
		{"another action", "aws-sns", "POST", "https://hooks.example.com/in", sns("SubscriptionConfirmation", strings.Replace(confirm, "Confirm", "Delete", 1)), nil, true, 403, "", ""},
		{"unsubscription", "aws-sns", "POST", "https://hooks.example.com/in", sns("UnsubscribeConfirmation", confirm), nil, true, 200, "", ""},
		{"notification", "aws-sns", "POST", "https://hooks.example.com/in", sns("Notification", confirm), nil, true, 0, "", ""},
	} {
		t.Run(c.slug+"/"+c.name, func(t *testing.T) {
			p, _ := providers.Lookup(c.slug)
			all, err := verifiers.CompileHandshakes(p.Handshakes, c.options)
			if err != nil {
				t.Fatal(err)
			}
			reply, ok := all.Answer(&verifiers.Request{Method: c.method, URL: c.url, Header: http.Header{}, Body: []byte(c.body)}, c.verified)
			if ok != (c.status != 0) || reply.Status != c.status || string(reply.Body) != c.want || reply.Confirm != c.confirm {
				t.Errorf("%v %d %q, to be called %q", ok, reply.Status, reply.Body, reply.Confirm)
			}
		})
	}
}

// FuzzFetched sends anything to these schemes, with the keys of their vectors: an
// accepted body has to be that of a vector.
func FuzzFetched(f *testing.F) {
	all, bodies := map[string]verifiers.Verifier{}, map[string]bool{}
	for slug, headers := range ownFetched {
		paths, _ := filepath.Glob("../testdata/" + slug + "/*.txtar")
		for _, path := range paths {
			v, err := readVector(path)
			if err != nil {
				f.Fatal(err)
			}
			if v.expect == "accepted" {
				if all[slug], err = v.scheme.Verifier(v.secrets...); err != nil {
					f.Fatal(err)
				}
				bodies[slug+" "+string(v.request.Body)] = true
			}
			r := v.request
			for _, name := range append(slices.Clone(headers), "Content-Type") {
				f.Add(slug, r.Header.Get(name), r.Header.Get("Signature-Input")+r.Header.Get("Paypal-Cert-Url"), r.Header.Get("Content-Digest"), r.URL, r.Body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, slug, first, second, third, url string, body []byte) {
		v := all[slug]
		if v == nil {
			return
		}
		r := &verifiers.Request{Method: "POST", URL: url, Header: http.Header{
			"Paypal-Cert-Url": {second}, "X-Tl-Webhook-Timestamp": {"2021-11-29T11:42:55Z"}, "Content-Type": {"application/json"},
		}}
		for i, name := range ownFetched[slug] {
			r.Header.Set(name, []string{first, second, third, "SHA256withRSA"}[i])
		}
		r.Body = body
		ev, err := v.Verify(t.Context(), r)
		if err != nil && verifiers.ReasonOf(err) == "" {
			t.Errorf("an error without a reason: %v", err)
		}
		bound := slug != "gcp-pubsub" && slug != "microsoft-graph" // tokens say nothing of the body
		if err == nil && bound && !bodies[slug+" "+string(body)] {
			t.Errorf("%s accepted: %+v", slug, ev)
		}
	})
}
