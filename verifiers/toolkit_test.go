package verifiers

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPairs reads forms and queries as a signature over them needs: all of it or
// nothing.
func TestPairs(t *testing.T) {
	for encoded, want := range map[string][]Pair{
		"":               nil,
		"a=1&b=2&a=3":    {{"a", "1"}, {"b", "2"}, {"a", "3"}},
		"a+b=%26&%C3%A9": {{"a b", "&"}, {"é", ""}},
		"&&a=b=c&":       {{"a", "b=c"}},
		"=x":             {{"", "x"}},
	} {
		form, err := FormOf(&Request{Body: []byte(encoded)})
		if err != nil || !slices.Equal(form, want) {
			t.Errorf("form %q: %v (%v)", encoded, form, err)
		}
		query, err := QueryOf("https://a.example/x?" + encoded + "#f=1")
		if err != nil || !slices.Equal(query, want) {
			t.Errorf("query %q: %v (%v)", encoded, query, err)
		}
	}
	for _, encoded := range []string{"a=%", "a=%zz", "%2=b", "a=1;b=2"} {
		if _, err := FormOf(&Request{Body: []byte(encoded)}); ReasonOf(err) != MalformedBody {
			t.Errorf("form %q: %v", encoded, err)
		}
		if _, err := QueryOf("?" + encoded); ReasonOf(err) != MalformedSignature {
			t.Errorf("query %q: %v", encoded, err)
		}
	}
	for _, body := range []string{`{"a":1}`, ` [1]`, "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n"} {
		if _, err := FormOf(&Request{Body: []byte(body)}); ReasonOf(err) != MalformedBody {
			t.Errorf("form %q: %v", body, err)
		}
	}
}

func TestHeaderOf(t *testing.T) {
	r := &Request{Header: http.Header{
		"X-One": {"1"}, "X-Two": {"1", "1"}, "X-Empty": {""}, "X-Long": {strings.Repeat("x", maxSignatureValue+1)},
	}}
	for name, want := range map[string]Reason{
		"x-one": "", "X-Two": MalformedSignature, "X-Empty": MissingSignature, "X-None": MissingSignature, "X-Long": MalformedSignature,
	} {
		if value, err := HeaderOf(r, name); ReasonOf(err) != want || (err == nil) != (value == "1") {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}

// TestReader: facts are marked as signed where they are, and only there.
func TestReader(t *testing.T) {
	r := &Request{
		Method: "POST", URL: "https://a.example/x?q=1",
		Header: http.Header{"X-Id": {"h1"}, "Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   []byte("f=2"),
	}
	document := &Request{URL: "/", Header: http.Header{}, Body: []byte(`{"id":"j1","type":"t"}`)}
	for _, c := range []struct {
		id, kind string
		covered  Covered
		r        *Request
		want     Event
	}{
		{"{header:X-Id}", "{form:f}", Covered{}, r, Event{ID: "h1", Type: "2"}},
		{"{header:X-Id}", "{form:f}", Covered{Form: true}, r, Event{ID: "h1", Type: "2", Signed: Fields{Type: true}}},
		{"{header:X-Id}", "{form:f}", Covered{Body: true, URL: true}, r, Event{ID: "h1", Type: "2", Signed: Fields{Type: true, Body: true, URL: true}}},
		{"{query:q}", "{header:X-Id}", Covered{Query: true}, r, Event{ID: "1", Type: "h1", Signed: Fields{ID: true}}},
		{"{query:q}", "{header:X-Id}", Covered{Places: []string{"{header:x-id}"}}, r, Event{ID: "1", Type: "h1", Signed: Fields{Type: true}}},
		{"{json:id}", "{json:type}", Covered{JSON: true}, document, Event{ID: "j1", Type: "t", Signed: Fields{ID: true, Type: true}}},
		{"{json:id}", "{json:type}", Covered{Places: []string{"{json:type}"}}, document, Event{ID: "j1", Type: "t", Signed: Fields{Type: true}}},
	} {
		reader, err := Facts{EventID: []string{c.id}, EventType: []string{c.kind}}.Reader(c.covered)
		if err != nil {
			t.Fatal(err)
		}
		var got Event
		if err := reader.Read(c.r, &got); err != nil || got.ID != c.want.ID || got.Type != c.want.Type || got.Signed != c.want.Signed {
			t.Errorf("%+v: %+v, want %+v (%v)", c.covered, got, c.want, err)
		}
	}
	addressee := Facts{Addressee: []Condition{{Of: "{json:id}", Is: []string{"{option:id}"}}}, Options: map[string]string{"id": "j2"}}
	if _, err := addressee.Reader(Covered{}); err == nil {
		t.Error("an addressee outside the signature")
	}
	reader, err := addressee.Reader(Covered{Body: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Read(document, new(Event)); ReasonOf(err) != WrongAudience {
		t.Errorf("an event of somebody else: %v", err)
	}
	if err := reader.Read(&Request{Header: http.Header{}, Body: []byte("{")}, new(Event)); ReasonOf(err) != MalformedBody {
		t.Errorf("no JSON: %v", err)
	}
}

func TestToolkitRefusals(t *testing.T) {
	if _, err := PublicKeys("nothing of the kind"); err == nil {
		t.Error("a public key")
	}
	if _, err := ParseTime("unix", "yesterday"); ReasonOf(err) != MalformedTimestamp {
		t.Errorf("a time: %v", err)
	}
	if _, err := ParseTime("lunar", "1"); err == nil || ReasonOf(err) != "" {
		t.Errorf("a format: %v", err)
	}
	if at, err := ParseTime("unix_ms", "1700000000123"); err != nil || !at.Equal(time.UnixMilli(1700000000123)) {
		t.Errorf("%v, %v", at, err)
	}
	for _, c := range []struct{ encoding, text string }{
		{"hex", ""}, {"hex", "0"}, {"hex", "zz"}, {"base64", "a"}, {"base64", "aa\naa"}, {"rot13", "aa"}, {"hex", strings.Repeat("00", maxSignatureValue)},
	} {
		if _, ok := DecodeText(c.encoding, c.text); ok {
			t.Errorf("%s: %.9q is decoded", c.encoding, c.text)
		}
	}
	if _, err := (SecretFormat{Encoding: "hex"}).Key("00ff"); err != nil {
		t.Error(err)
	}
	if _, err := (SecretFormat{Encoding: "octal"}).Key("00ff"); err == nil {
		t.Error("a secret in an unknown encoding")
	}
}
