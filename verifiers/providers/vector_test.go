package providers_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// A vector is a file ../testdata/<slug>/<name>.txtar. Its comment has lines that
// start with # and tell the source, then keys:
//
//	provider   the slug
//	judge      who says so, besides us; may be repeated:
//	             vendor <where>     published by the vendor, or in its SDK's own tests
//	             fixture <where>    signed in the tests of somebody else: <repository>, <path>
//	             sdk <package>      made by the vendor's SDK
//	             independent        made or checked by oracles/independent
//	secret     one of the endpoint's secrets; may be repeated
//	option     one of the endpoint's options: its name, a space, its value
//	override   JSON that is laid over the row's scheme
//	url        the public URL; default: https, the Host and the request line's
//	now        the time of receipt, RFC 3339; needed where the row enforces it
//	expect     accepted, or the reason of the refusal
//	event_id, event_type, timestamp, signed    of the event, where given
//
// The file "request" in it is the request in wire form. With a Content-Length it
// decides where the body ends; without one the body ends before the last newline,
// which the format of the file puts there.
type vector struct {
	name     string
	provider verifiers.Provider
	scheme   verifiers.Scheme
	secrets  []string
	url      string
	now      time.Time
	judges   []string
	expect   string
	event    map[string]string
	request  *verifiers.Request
	compiled map[string]verifiers.Verifier // by its secrets
}

func readVector(path string) (*vector, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	v := &vector{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), event: map[string]string{}, compiled: map[string]verifiers.Verifier{}}
	override, options := json.RawMessage(`{}`), map[string]string{}
	commented := false
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || line == "" {
			commented = commented || line != ""
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q is neither a comment nor a key", line)
		}
		value = strings.TrimSpace(value)
		switch key {
		case "provider":
			if v.provider, ok = providers.Lookup(value); !ok {
				return nil, fmt.Errorf("unknown provider %q", value)
			}
		case "judge":
			if kind, what, _ := strings.Cut(value, " "); !slices.Contains(judgeKinds, kind) || (what == "") != (kind == "independent") {
				return nil, fmt.Errorf("judge %q: want vendor <where>, fixture <repository>, <path>, sdk <package> or independent", value)
			}
			v.judges = append(v.judges, value)
		case "option":
			name, value, _ := strings.Cut(value, " ")
			options[name] = value
		case "secret":
			v.secrets = append(v.secrets, value)
		case "override":
			override = json.RawMessage(value)
		case "url":
			v.url = value
		case "now":
			if v.now, err = time.Parse(time.RFC3339, value); err != nil {
				return nil, err
			}
		case "expect":
			v.expect = value
		case "event_id", "event_type", "timestamp", "signed":
			v.event[key] = value
		default:
			return nil, fmt.Errorf("unknown key %q", key)
		}
	}
	if !commented || v.provider.Name == "" || v.expect == "" {
		return nil, fmt.Errorf("it lacks its source, provider or expect")
	}
	if v.scheme, err = verifiers.Override(v.provider.Scheme, override); err != nil {
		return nil, err
	}
	if err := v.setOptions(options); err != nil {
		return nil, err
	}
	keys := keyFiles{}
	for _, f := range archive.Files {
		if f.Name != "request" {
			keys[f.Name] = f.Data
			continue
		}
		if v.request, err = readRequest(f.Data, v.url); err != nil {
			return nil, err
		}
	}
	if v.request == nil {
		return nil, fmt.Errorf("it has to hold a file named request")
	}
	if s, ok := v.scheme.(verifiers.Fetching); ok {
		v.scheme = s.WithKeySource(keys)
	}
	return v, nil
}

// setOptions gives the scheme the options of an endpoint.
func (v *vector) setOptions(options map[string]string) error {
	for name := range options {
		if !slices.ContainsFunc(v.provider.Options, func(o verifiers.Option) bool { return o.Name == name }) {
			return fmt.Errorf("the provider has no option %q", name)
		}
	}
	if len(options) == 0 {
		return nil
	}
	fields, err := json.Marshal(map[string]any{"options": options})
	if err != nil {
		return err
	}
	v.scheme, err = verifiers.Override(v.scheme, fields)
	return err
}

// keyFiles are key documents by their URL.
type keyFiles map[string][]byte

func (k keyFiles) Fetch(_ context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	if len(r.Pin) > 0 && !slices.ContainsFunc(r.Pin, func(p string) bool { return regexp.MustCompile("^(?:" + p + ")$").MatchString(r.URL) }) {
		return verifiers.KeyDocument{}, fmt.Errorf("%w: %s is not pinned", verifiers.UnavailableKey, r.URL)
	}
	body, ok := k[r.URL]
	if !ok {
		return verifiers.KeyDocument{}, fmt.Errorf("%w: no %s", verifiers.UnavailableKey, r.URL)
	}
	return verifiers.KeyDocument{Body: body, Version: 1}, nil
}

func readRequest(wire []byte, url string) (*verifiers.Request, error) {
	head, body, ok := bytes.Cut(wire, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("the request has no empty line after its headers")
	}
	if !bytes.Contains(head, []byte("\nContent-Length:")) {
		body = bytes.TrimSuffix(body, []byte("\n"))
		wire = fmt.Appendf(nil, "%s\nContent-Length: %d\n\n%s", head, len(body), body)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, err
	}
	if body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	if url == "" {
		url = "https://" + r.Host + r.RequestURI
	}
	return &verifiers.Request{Method: r.Method, URL: url, Header: r.Header, Body: body}, nil
}

// judge works like the gateway: the verifier's verdict, then freshness.
func (v *vector) judge(t *testing.T, r *verifiers.Request, secrets ...string) (verifiers.Event, string) {
	t.Helper()
	verifier, err := v.compiled[strings.Join(secrets, "\n")], error(nil)
	if verifier == nil {
		if verifier, err = v.scheme.Verifier(secrets...); err != nil {
			t.Fatal(err)
		}
		v.compiled[strings.Join(secrets, "\n")] = verifier
	}
	ev, err := verifier.Verify(t.Context(), r)
	if err == nil {
		err = v.provider.Freshness.Check(ev, v.now)
	}
	if err == nil {
		return ev, "accepted"
	}
	reason := verifiers.ReasonOf(err)
	if reason == "" {
		t.Fatalf("an error without a reason: %v", err)
	}
	for _, secret := range secrets {
		if len(secret) > 8 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error contains the secret: %v", err)
		}
	}
	return ev, string(reason)
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]int{}
	for _, path := range paths {
		slug := filepath.Base(filepath.Dir(path))
		v, err := readVector(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		t.Run(slug+"/"+v.name, func(t *testing.T) {
			if v.provider.Name != slug {
				t.Fatalf("it is of %s and stands in the folder of %s", v.provider.Name, slug)
			}
			ev, got := v.judge(t, v.request, v.secrets...)
			if got != v.expect {
				t.Fatalf("got %s, want %s", got, v.expect)
			}
			if got != "accepted" {
				return
			}
			accepted[slug]++
			v.compare(t, ev)
			v.breed(t, ev)
		})
	}
	for _, p := range providers.All() {
		if accepted[p.Name] == 0 {
			t.Errorf("%s has no vector that is accepted", p.Name)
		}
	}
}

// compare checks the event against the vector's expectations.
func (v *vector) compare(t *testing.T, ev verifiers.Event) {
	got := map[string]string{
		"event_id": ev.ID, "event_type": ev.Type, "timestamp": "", "signed": signed(ev.Signed),
	}
	if !ev.Timestamp.IsZero() {
		got["timestamp"] = ev.Timestamp.UTC().Format(time.RFC3339Nano)
	}
	for key, want := range v.event {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

// signed lists the fields that are set, in the order of their declaration.
func signed(f verifiers.Fields) string {
	var names []string
	for _, field := range []struct {
		name string
		set  bool
	}{{"id", f.ID}, {"type", f.Type}, {"timestamp", f.Timestamp}, {"body", f.Body}, {"url", f.URL}} {
		if field.set {
			names = append(names, field.name)
		}
	}
	return strings.Join(names, " ")
}
