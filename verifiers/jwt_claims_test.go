package verifiers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func TestJWTHashes(t *testing.T) {
	sum := sha256.Sum256([]byte("hello"))
	none := sha256.Sum256(nil)
	for _, test := range []struct {
		name     string
		hash     ClaimHash
		claims   string
		body     string
		want     string
		wantBody bool
	}{
		{"hex", ClaimHash{Claim: "h"}, hex.EncodeToString(sum[:]), "hello", "accepted", true},
		{"upper-case hex", ClaimHash{Claim: "h"}, strings.ToUpper(hex.EncodeToString(sum[:])), "hello", "accepted", true},
		{"base64", ClaimHash{Claim: "h", Encoding: "base64"}, base64.StdEncoding.EncodeToString(sum[:]), "hello", "accepted", true},
		{"base64 without padding", ClaimHash{Claim: "h", Encoding: "base64"}, base64.RawStdEncoding.EncodeToString(sum[:]), "hello", "accepted", true},
		{"base64url", ClaimHash{Claim: "h", Encoding: "base64url"}, b64.EncodeToString(sum[:]), "hello", "accepted", true},
		{"hex for base64", ClaimHash{Claim: "h", Encoding: "base64"}, hex.EncodeToString(sum[:]), "hello", "wrong_signature", false},
		{"another body", ClaimHash{Claim: "h"}, hex.EncodeToString(sum[:]), "hello!", "wrong_signature", false},
		{"cut short", ClaimHash{Claim: "h"}, hex.EncodeToString(sum[:16]), "hello", "wrong_signature", false},
		{"empty", ClaimHash{Claim: "h"}, "", "hello", "wrong_signature", false},
		{"empty, and so is the body", ClaimHash{Claim: "h"}, "", "", "wrong_signature", false},
		{"absent", ClaimHash{Claim: "other"}, "", "hello", "wrong_signature", false},
		{"absent, and so is the body", ClaimHash{Claim: "other"}, "", "", "wrong_signature", false},
		{"optional and absent", ClaimHash{Claim: "other", Optional: true}, "", "", "accepted", true},
		{"optional and absent with a body", ClaimHash{Claim: "other", Optional: true}, "", "hello", "wrong_signature", false},
		{"optional and of another body", ClaimHash{Claim: "h", Optional: true}, hex.EncodeToString(sum[:]), "", "wrong_signature", false},
		{"optional and of nothing", ClaimHash{Claim: "h", Optional: true}, hex.EncodeToString(none[:]), "", "accepted", true},
	} {
		v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, BodyHash: test.hash}, jwtSecretText)
		ev, got := ask(t, v, hs256(jwtHeader, `{"h":"`+test.claims+`"}`, jwtSecretText), test.body)
		if got != test.want || ev.Signed.Body != test.wantBody {
			t.Errorf("%s: %s, %+v", test.name, got, ev)
		}
	}
	v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, BodyHash: ClaimHash{Claim: "h"}}, jwtSecretText)
	for _, claims := range []string{`{"h":1}`, `{"h":null}`, `{"h":[]}`, `{"h":true}`} {
		if _, got := ask(t, v, hs256(jwtHeader, claims, jwtSecretText), ""); got != "wrong_signature" {
			t.Errorf("%s: %s", claims, got)
		}
	}
}

func TestJWTConditions(t *testing.T) {
	v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Facts: Facts{
		Require:   []Condition{{Of: "{claim:iss}", Is: []string{"a", "b"}}},
		Addressee: []Condition{{Of: "{claim:aud}", Is: []string{"{option:me}"}}, {Of: "{claim:sub}", Is: []string{"{option:other}"}}},
		Options:   map[string]string{"me": "x y"},
	}}, jwtSecretText)
	for claims, want := range map[string]string{
		`{"iss":"a","aud":"x"}`:                    "accepted",
		`{"iss":"b","aud":"y"}`:                    "accepted",
		`{"iss":"b","aud":["z","y"]}`:              "accepted",
		`{"iss":["b"],"aud":["x"]}`:                "accepted",
		`{"iss":"c","aud":"x"}`:                    "malformed_signature",
		`{"aud":"x"}`:                              "malformed_signature",
		`{"iss":"a"}`:                              "wrong_audience",
		`{"iss":"a","aud":""}`:                     "wrong_audience",
		`{"iss":"a","aud":[]}`:                     "wrong_audience",
		`{"iss":"a","aud":["z"]}`:                  "wrong_audience",
		`{"iss":"a","aud":"x y"}`:                  "wrong_audience",
		`{"iss":"a","aud":{"x":"x"}}`:              "wrong_audience",
		`{"iss":"a","aud":[["x"]]}`:                "wrong_audience",
		`{"iss":"a","aud":null}`:                   "wrong_audience",
		`{"iss":"a","aud":"X"}`:                    "wrong_audience",
		`{"iss":"a","aud":"x","sub":"of anybody"}`: "accepted",
	} {
		if _, got := ask(t, v, hs256(jwtHeader, claims, jwtSecretText), ""); got != want {
			t.Errorf("%s: %s, want %s", claims, got, want)
		}
	}
}

func TestJWTLife(t *testing.T) {
	v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}}, jwtSecretText)
	life := func(claims string) (Event, string) { return ask(t, v, hs256(jwtHeader, claims, jwtSecretText), "") }
	ev, _ := life(`{"exp":1700000000.5,"nbf":1.69e9}`)
	if ev.Expires.UnixMilli() != 1_700_000_000_500 || ev.NotBefore.Unix() != 1_690_000_000 {
		t.Errorf("%+v", ev)
	}
	for _, claims := range []string{
		`{"exp":"1700000000"}`, `{"exp":null}`, `{"exp":-1}`, `{"exp":0}`, `{"exp":1e300}`, `{"exp":[1700000000]}`, `{"nbf":"x"}`, `{"exp":1700000000000}`,
	} {
		if _, got := life(claims); got != "malformed_signature" {
			t.Errorf("%s: %s", claims, got)
		}
	}
	expires, notBefore := time.Unix(1_700_000_300, 0), time.Unix(1_700_000_000, 0)
	ev = Event{Expires: expires, NotBefore: notBefore}
	for _, test := range []struct {
		leeway time.Duration
		at     time.Time
		want   Reason
	}{
		{0, notBefore.Add(-time.Minute), ""},
		{0, notBefore.Add(-time.Minute - 1), FutureTimestamp},
		{0, expires.Add(time.Minute - 1), ""},
		{0, expires.Add(time.Minute), ExpiredToken},
		{time.Hour, expires.Add(time.Hour - 1), ""},
		{time.Hour, expires.Add(time.Hour), ExpiredToken},
		{1, expires.Add(-1), ""},
		{1, expires.Add(1), ExpiredToken},
		{-1, expires.Add(9999 * time.Hour), ""},
		{-1, time.Time{}, ""},
		{0, time.Time{}, FutureTimestamp},
	} {
		err := Freshness{Leeway: test.leeway}.Check(ev, test.at)
		if ReasonOf(err) != test.want {
			t.Errorf("leeway %v at %v: %v, want %q", test.leeway, test.at, err, test.want)
		}
	}
	if err := (Freshness{}).Check(Event{}, time.Now()); err != nil {
		t.Errorf("no token: %v", err)
	}
}

func TestJWTKeyNames(t *testing.T) {
	scheme := JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, KeyID: "{claim:iss}"}
	scheme.Options = map[string]string{"key": "A B"}
	if _, err := scheme.Verifier("one"); err == nil {
		t.Error("two names for one secret")
	}
	v := mustVerifier(t, scheme, "one", "two")
	for claims, want := range map[string]string{
		`{"iss":"A"}`: "accepted", `{"iss":"B"}`: "wrong_signature", `{"iss":"C"}`: "wrong_signature", `{"iss":"../A"}`: "wrong_signature",
		`{}`: "missing_signature", `{"iss":["A"]}`: "missing_signature",
	} {
		if _, got := ask(t, v, hs256(jwtHeader, claims, "one"), ""); got != want {
			t.Errorf("%s: %s, want %s", claims, got, want)
		}
	}
	scheme.Options = nil
	if _, got := ask(t, mustVerifier(t, scheme, "one", "two"), hs256(jwtHeader, `{"iss":"B"}`, "one"), ""); got != "accepted" {
		t.Errorf("without names: %s", got)
	}
}

// A detached token with the payload as it is (RFC 7797).
func TestJWTUnencodedPayload(t *testing.T) {
	scheme := JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Detached: "{body}"}
	v := mustVerifier(t, scheme, jwtSecretText)
	sign := func(header, body string) string {
		signed := b64.EncodeToString([]byte(header)) + "." + body
		mac := hmac.New(sha256.New, []byte(jwtSecretText))
		mac.Write([]byte(signed))
		return b64.EncodeToString([]byte(header)) + ".." + b64.EncodeToString(mac.Sum(nil))
	}
	for header, want := range map[string]string{
		`{"alg":"HS256","b64":false,"crit":["b64"]}`:           "accepted",
		`{"alg":"HS256","b64":false}`:                          "malformed_signature",
		`{"alg":"HS256","crit":["b64"]}`:                       "malformed_signature",
		`{"alg":"HS256","b64":false,"crit":["b64","x"],"x":1}`: "wrong_signature",
	} {
		if _, got := ask(t, v, sign(header, "hello."), "hello."); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
	ev, got := ask(t, v, sign(`{"alg":"HS256","b64":false,"crit":["b64"]}`, "hello"), "hello")
	if got != "accepted" || !ev.Signed.Body || string(ev.Content) != "hello" {
		t.Errorf("%s, %+v", got, ev)
	}
	if _, got := ask(t, v, hs256(jwtHeader, "hello", jwtSecretText), "hello"); got != "malformed_signature" {
		t.Errorf("not detached: %s", got)
	}
}

// A token that names no part of the request leaves it all unsigned.
func TestJWTCoverage(t *testing.T) {
	facts := Facts{EventID: []string{"{json:id}"}, EventType: []string{"{claim:type}"}}
	v := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Facts: facts}, jwtSecretText)
	ev, got := ask(t, v, hs256(jwtHeader, `{"type":"a"}`, jwtSecretText), `{"id":"1"}`)
	if got != "accepted" || ev.ID != "1" || ev.Type != "a" || ev.Signed != (Fields{Type: true}) || string(ev.Content) != `{"id":"1"}` {
		t.Errorf("%s, %+v", got, ev)
	}
	bound := mustVerifier(t, JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, URLHash: ClaimHash{Claim: "u"}}, jwtSecretText)
	sum := sha256.Sum256([]byte("https://hooks.example.com/in?a=b"))
	ev, got = ask(t, bound, hs256(jwtHeader, `{"u":"`+hex.EncodeToString(sum[:])+`"}`, jwtSecretText), "")
	if got != "accepted" || ev.Signed != (Fields{URL: true}) || string(ev.Content) != "https://hooks.example.com/in?a=b" {
		t.Errorf("bound to its URL: %s, %+v", got, ev)
	}
	facts.Addressee = []Condition{{Of: "{json:to}", Is: []string{"me"}}}
	if _, err := (JWT{Names: []string{"Token"}, Algorithms: []string{"HS256"}, Facts: facts}).Verifier("s"); err == nil {
		t.Error("an addressee that anybody could change")
	}
}
