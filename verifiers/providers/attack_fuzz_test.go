package providers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// FuzzCatalogue changes a genuine request of some row. A request that is still
// accepted must be the same event in all parts that are reported as signed.
func FuzzCatalogue(f *testing.F) {
	all, err := genuine()
	if err != nil {
		f.Fatal(err)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(v *vector) bool {
		_, token := v.scheme.(verifiers.Token)
		return token || v.provider.Name == "microsoft-graph" // also a token
	})
	compiled := make([]verifiers.Verifier, len(all))
	events := make([]verifiers.Event, len(all))
	for i, v := range all {
		if compiled[i], err = v.scheme.Verifier(v.secrets...); err != nil {
			f.Fatal(err)
		}
		if events[i], err = compiled[i].Verify(f.Context(), v.request); err != nil {
			f.Fatal(err)
		}
	}
	for row := range all {
		f.Add(uint16(row), byte(row), uint16(row*7), uint16(1), []byte("0"))
	}
	for what := range byte(12) {
		f.Add(uint16(what)*17, what, uint16(0), uint16(0), []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, row uint16, what byte, at, length uint16, data []byte) {
		i := int(row) % len(all)
		v, want := all[i], events[i]
		got, err := compiled[i].Verify(t.Context(), v.changed(mutation(v.request, what, int(at), int(length), data)))
		if err != nil {
			if verifiers.ReasonOf(err) == "" {
				t.Errorf("%s/%s: an error without a reason: %v", v.provider.Name, v.name, err)
			}
			return
		}
		// A row may tell events apart by a body that is not signed.
		bound := want.Signed.Body || string(want.Content) != string(v.request.Body)
		if want.Signed.ID && got.ID != want.ID || want.Signed.Type && got.Type != want.Type || want.Signed.Timestamp && !got.Timestamp.Equal(want.Timestamp) ||
			bound && string(got.Content) != string(want.Content) {
			t.Errorf("%s/%s: it is accepted as another event: %+v", v.provider.Name, v.name, got)
		}
		if len(got.ID) > 1024 || len(got.Type) > 1024 {
			t.Errorf("%s/%s: an ID of %d bytes", v.provider.Name, v.name, len(got.ID))
		}
	})
}

// mutation replaces a stretch of one part of a request by data, or adds to it.
func mutation(of *verifiers.Request, what byte, at, length int, data []byte) func(*verifiers.Request) {
	splice := func(text string) string {
		start := at % (len(text) + 1)
		return text[:start] + string(data) + text[min(len(text), start+length):]
	}
	names := make([]string, 0, len(of.Header))
	for name := range of.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[at%len(names)]
	return func(r *verifiers.Request) {
		switch what % 12 {
		case 0, 1, 2:
			r.Body = []byte(splice(string(r.Body)))
		case 3, 4:
			r.Header[name] = []string{splice(r.Header[name][0])}
		case 5:
			r.Header[name] = append(r.Header[name], string(data))
		case 6:
			r.Header[name] = append([]string{string(data)}, r.Header[name]...)
		case 7:
			r.URL = splice(r.URL)
		case 8:
			r.Header.Del(name)
		case 9:
			r.Header["Content-Type"] = []string{string(data)}
		case 10:
			r.Body = append(slices.Clone(r.Body), data...)
		case 11:
			r.Method, r.URL = string(data), splice(r.URL)
		}
	}
}

// FuzzHandshakes asks every row's handshakes anything. No answer may do harm.
func FuzzHandshakes(f *testing.F) {
	var all []*verifiers.Handshakes
	var rows []verifiers.Provider
	for _, p := range providers.All() {
		if len(p.Handshakes) == 0 {
			continue
		}
		h, err := verifiers.CompileHandshakes(p.Handshakes, optionsOf(p), handshakeSecret(p))
		if err != nil {
			f.Fatal(err)
		}
		for _, data := range p.Handshakes {
			r := asked(data, optionsOf(p), "abcdef0123456789abcdef")
			for name := range r.Header {
				f.Add(uint16(len(all)), r.Method, r.URL, r.Body, name, r.Header.Get(name))
			}
			f.Add(uint16(len(all)), r.Method, r.URL, r.Body, "X", "")
		}
		all, rows = append(all, h), append(rows, p)
	}
	f.Fuzz(func(t *testing.T, row uint16, method, url string, body []byte, name, value string) {
		i := int(row) % len(all)
		r := &verifiers.Request{Method: method, URL: url, Body: body, Header: http.Header{}}
		r.Header.Set(name, value)
		for _, verified := range []bool{false, true} {
			reply, ok := all[i].Answer(r, verified)
			if ok && reply.Denied == "" {
				harmless(t, rows[i].Name+"/"+reply.Name, reply, strings.Repeat("<", 100))
			}
		}
	})
}
