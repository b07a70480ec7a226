package verifiers

import (
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
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

// quick fails on work that takes far longer than others of its size. It is done
// again where the machine may have been busy.
func quick(t *testing.T, size int, work func()) {
	t.Helper()
	most, best := 250*time.Millisecond+time.Duration(size)*5*time.Microsecond, time.Hour
	for range 3 {
		start := time.Now()
		work()
		if best = min(best, time.Since(start)); best < most {
			return
		}
	}
	t.Errorf("%d bytes take %v", size, best)
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
			quick(t, len(value), func() {
				in.start(in.r)
				err = s.find(&in, &found)
			})
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
		var value string
		var ok bool
		quick(t, len(text)*(1+len(body)+len(url)), func() { value, ok = tmpl.in(&in) })
		absent := tmpl.writeTo(&written, &in)
		if ok != (absent == nil) || ok && value != written.String() {
			t.Errorf("%q and %q, %v", value, written.String(), absent)
		}
	})
}

// FuzzVerify sends anything to each kind of scheme. A request that is accepted has to
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
			var ev Event
			var err error
			quick(t, len(body)+len(url)+len(sig), func() { ev, err = v.Verify(t.Context(), r) })
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

// FuzzMultipart compares with the standard library: each body that is read here, it reads in
// the same way.
func FuzzMultipart(f *testing.F) {
	for _, seed := range []string{
		"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"c\"\r\n\r\n\r\n--x--\r\n",
		"--x\nContent-Disposition: form-data; name=a\n\n1\n--x--", "--x \r\n\r\n--x--", "--x\r\n\r\n\r\n--xy\r\n--x \t\r\nA: b\r\n\r\n--x-- \r\nz",
		"--x\r\nA:b\r\n c\r\n\r\n1\r\n--x--", "--x\r\n\r\n1\n--x--\r\n--x--", "--\r\n\r\n\r\n----", "--x\r\r\n\r\n--x--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !strings.HasPrefix(body, "--") {
			return
		}
		var got []param
		quick(t, len(body), func() { got = multipartFields(body) })
		if got == nil {
			return
		}
		line, _, _ := strings.Cut(body, "\n")
		reader := multipart.NewReader(strings.NewReader(body), strings.TrimRight(line[2:], " \t\r"))
		var want []param
		for {
			part, err := reader.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q is read, but %v", body, err)
			}
			value, err := io.ReadAll(part)
			if err != nil {
				t.Fatalf("%q is read, but %v", body, err)
			}
			if part.FileName() == "" {
				want = append(want, param{part.FormName(), string(value)})
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", body, got, want)
		}
	})
}

// FuzzField compares the walk in place with decoding each pair.
func FuzzField(f *testing.F) {
	for _, seed := range []string{"a=1&a=2", "a.b=1", "a_b=1", "+a.b=%31", "a%2Eb=1;a.b=2", "a;a.b", "x=1;a%20b;y", "%zz=1&a.b=%zz", "a.b%00c=1", "a.b;x=1", "=&;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const name = "a.b"
		want, n := "", 0
		alike := func(key string) bool {
			key, err := url.QueryUnescape(key)
			if err != nil {
				return false
			}
			key, _, _ = strings.Cut(strings.TrimLeft(key, " "), "\x00")
			return strings.NewReplacer(".", "_", " ", "_").Replace(key) == "a_b"
		}
		for pair := range strings.SplitSeq(text, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if alike(key) {
				if plain, _ := url.QueryUnescape(key); plain == name {
					want = value
				}
				n++
			}
			for i, part := range strings.Split(pair, ";") {
				part, _, _ := strings.Cut(part, "=")
				if (i > 0 || len(part) < len(key)) && alike(part) {
					n++
				}
			}
		}
		var got string
		var count int
		quick(t, len(text), func() { got, count = field(text, name) })
		if count != min(n, 2) || n == 1 && got != want {
			t.Errorf("%q has %q, %d times; want %q, %d times", text, got, count, want, n)
		}
	})
}
