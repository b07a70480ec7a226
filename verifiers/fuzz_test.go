package verifiers

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mustFacts compiles facts.
func mustFacts(t testing.TB, f Facts) facts {
	t.Helper()
	c, err := f.compile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzSignature parses values as headers, under every format at once.
func FuzzSignature(f *testing.F) {
	for _, seed := range []string{"", "00", "t=1,v1=00", "v1,AAAA v1a,AAAA", "sha256=00", "1,00,11", ",=,", "t=", strings.Repeat("v1=00,", 200)} {
		f.Add(seed)
	}
	formats := []Signature{
		{}, {Prefix: "sha256="}, {Encoding: "base64"}, {Encoding: "base64url"}, {Encoding: "base64_hex"},
		{Separator: ",", Assign: "=", Keys: []string{"v1"}}, {Separator: " ", Assign: ",", Keys: []string{"v1"}, Encoding: "base64"},
		{Separator: ",", Keys: []string{"1"}}, {Separator: ", "}, {Assign: "=", Keys: []string{"v1"}}, {Prefix: "{hash}=", Repeated: true},
		{Groups: " ", Separator: ",", Assign: "=", Keys: []string{"v1"}, Encoding: "hex_upper"}, {Separator: "&", Assign: "|", Keys: []string{"*"}},
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, format := range formats {
			format.Names = []string{"X-Sig"}
			s, err := format.compile([]string{"sha256"})
			if err != nil {
				t.Fatal(err)
			}
			var in reading
			var found candidates
			in.start(&Request{Header: http.Header{"X-Sig": {value}}})
			err = s.find(&in, &found)
			if err == nil && (len(found.list) == 0 || len(found.list) > maxSignatures || len(in.params) > maxItems) {
				t.Errorf("%d signatures and %d params without an error", len(found.list), len(in.params))
			}
			if reason := ReasonOf(err); err != nil && reason != MissingSignature && reason != MalformedSignature {
				t.Errorf("reason %q", reason)
			}
			if len(found.groups) > maxGroups {
				t.Errorf("%d groups", len(found.groups))
			}
			for _, c := range found.list {
				if len(found.bytes[c.start:c.end]) == 0 {
					t.Error("an empty signature is a candidate")
				}
			}
		}
	})
}

// FuzzTemplate compiles and renders templates.
func FuzzTemplate(f *testing.F) {
	for name, kind := range tokens {
		if kind.arg == nil {
			f.Add("{"+name+"}", "body", "https://example.com/a?b=c")
		} else {
			f.Add("a{"+name+":X}{{b}}", `{"X":"y"}`, "?X=%zz;X=1&X=2#X")
		}
	}
	documents := mustFacts(f, Facts{Document: []string{"{form:X}", "{query:X}"}}).documents
	f.Add("{form.sorted}{document}", "--x\r\nContent-Disposition: form-data; name=X\r\n\r\n{}\r\n--x--\r\n", "https://a@b:1/%3f?X={}")
	f.Fuzz(func(t *testing.T, text, body, url string) {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			return
		}
		var in reading
		in.start(&Request{Method: "POST", URL: url, Header: http.Header{"X": {body}}, Body: []byte(body)})
		in.claims, in.options, in.documents = `{"X":"y"}`, map[string]string{"X": "y"}, documents
		var written strings.Builder
		value, ok := tmpl.in(&in)
		absent := tmpl.writeTo(&written, &in)
		if ok != (absent == nil) || ok && value != written.String() {
			t.Errorf("%q and %q, %v", value, written.String(), absent)
		}
	})
}

// FuzzVerify sends anything to each kind of scheme. What is accepted has to
// bear the signature that the scheme itself makes.
func FuzzVerify(f *testing.F) {
	facts := Facts{
		Timestamp: Timestamp{From: "{json:at}", Format: "rfc3339"},
		EventID:   []string{"{json:id}:{header:X-Id}", "{header:X-Id}"},
		EventType: []string{"{json:type}"},
	}
	stamped := Facts{Timestamp: Timestamp{From: "{header:X-Time}"}, EventID: []string{"{header:X-Id}"}, EventType: []string{"{json:type}"}}
	listed := Signature{Names: []string{"X-Sig"}, Separator: ",", Assign: "=", Keys: []string{"v1"}}
	schemes := []Scheme{
		HMAC{Signature: Signature{Names: []string{"X-Sig"}}, Content: "{body}", Facts: facts},
		HMAC{Signature: listed, Content: "{id}.{timestamp}.{body}", Facts: stamped},
		HMAC{Signature: Signature{From: "json", Names: []string{"sig"}}, Content: "{json:type}", Facts: facts},
		HMAC{Signature: Signature{From: "form", Names: []string{"sig"}}, Content: "{form:id}{url}"},
		HMAC{Digest: true, Signature: Signature{From: "query", Names: []string{"sig"}}, Content: "{secret}{query:id}"},
		Token{Names: []string{"X-Sig"}, Facts: facts},
		HMAC{Signature: Signature{Names: []string{"X-Sig", "X-Id"}, All: true, Groups: " ", Separator: ",", Assign: "=", Keys: []string{"*"}},
			HashFrom: HashChoice{"{header:X-Id}", map[string]string{"a": "sha256", "b": "sha512"}}, Content: "{document}{query.sorted}",
			Facts: Facts{Document: []string{"{form:id}"}, Inflate: true, Require: []Condition{{Of: "{json:id}"}}}},
		Token{From: "basic", Facts: facts},
		Token{From: "json", Names: []string{"sig"}, Facts: facts},
	}
	var all []Verifier
	for _, s := range schemes {
		all = append(all, mustVerifier(f, s, "user:secret"))
	}
	for _, algorithm := range []string{"ed25519", "ecdsa", "rsa"} {
		p := keyScheme(algorithm)
		p.Static = []string{pairs()[algorithm].public}
		p.Timestamp.From, p.EventID = "{header:X-Time}", []string{"{header:X-Id}"}
		v, err := p.Verifier()
		if err != nil {
			f.Fatal(err)
		}
		schemes, all = append(schemes, p), append(all, v)
	}
	f.Add("00", "1600000000", "a", "application/json", "/in?sig=00&id=1", []byte(`{"id":"a","type":"b","at":"2020-01-01T00:00:00Z","sig":"00"}`))
	f.Add("t=1,v1=00", "x", "", "application/x-www-form-urlencoded", "/in", []byte(`sig=00&id=%20`))
	f.Add("user:secret", "1600000000", "a", "", "", []byte(`[[[[`))
	f.Add("k=00 v=00,t=1", "", "a", "", "/in?b=1&a=2", gzipped("id=%7B%7D", "").Body)
	f.Add("MAYCAQECAQE=", "1600000000", "a", "", "/in", []byte(`{}`))
	f.Fuzz(func(t *testing.T, sig, at, id, contentType, url string, body []byte) {
		r := &Request{Method: "POST", URL: url, Body: body, Header: http.Header{
			"X-Sig": {sig}, "X-Time": {at}, "X-Id": {id}, "Content-Type": {contentType}, "Authorization": {sig},
		}}
		if at == "" {
			r.Header.Set("Content-Encoding", "gzip")
		}
		for i, v := range all {
			ev, err := v.Verify(t.Context(), r)
			if err != nil && ReasonOf(err) == "" {
				t.Errorf("scheme %d: an error without a reason: %v", i, err)
			}
			if _, token := schemes[i].(Token); !token && err == nil {
				t.Errorf("scheme %d: a guessed signature was accepted: %+v", i, ev)
			}
			if len(ev.ID) > maxFact || len(ev.Type) > maxFact {
				t.Errorf("scheme %d: an ID of %d bytes", i, len(ev.ID))
			}
		}
		explained := Explain(schemes[0], []string{"user:secret"}, r, WrongSignature)
		if len(explained) > 0 {
			t.Errorf("a guessed signature was explained: %q", explained)
		}
	})
}

// FuzzJSON compares the verdict with the standard library's.
func FuzzJSON(f *testing.F) {
	for _, seed := range jsonSamples {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := validJSON(text), json.Valid([]byte(text)); got != want && strings.Count(text, "[")+strings.Count(text, "{") < maxDepth {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

var jsonSamples = []string{
	``, ` `, `{}`, `[]`, ` [ ] `, `{"a":1}`, `{"a":1,}`, `[1,]`, `[,]`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `"`, `"\"`, `"\u12"`, `"\u12ag"`,
	`"\u12Ae\n"`, `"\x"`, "\"\x1f\"", "\"\x7f\xff\"", `1`, `-`, `-0`, `01`, `1.`, `1.5e`, `1.5E+7`, `.5`, `true`, `tru`, `truex`, `null`, `falsey`,
	`[true,false,null]`, `{"a":{"b":[1,{"c":"d"}]}}`, `{"a":1]`, `[1}`, `}`, `]`, `1 2`, "\ufeff{}", `"long enough for eight bytes \" and more"`,
	`{"a":"b" , "c" : [ 1 , 2 ] }`, "{\n\t\"a\": \"b\"\r\n}",
}

func TestValidJSON(t *testing.T) {
	for _, text := range jsonSamples {
		if got, want := validJSON(text), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if !validJSON(deep) || validJSON("["+deep+"]") {
		t.Error("the limit on the depth is not where it is said to be")
	}
	start := time.Now()
	if validJSON(strings.Repeat("[", 16<<20)) || time.Since(start) > time.Second {
		t.Error("a body of brackets")
	}
}
