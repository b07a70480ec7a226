package providers_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// watched is a key source that records its requests.
type watched struct {
	keyFiles
	mu    sync.Mutex
	asked []verifiers.KeyRequest
}

func (w *watched) Fetch(ctx context.Context, r verifiers.KeyRequest) (verifiers.KeyDocument, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r)
	w.mu.Unlock()
	return w.keyFiles.Fetch(ctx, r)
}

// elsewhere are spellings of a key's address or ID by which a request would have
// the gateway fetch from another place. %s is the genuine one's host, or ID.
var elsewhere = []string{
	"https://attacker.example/key.pem", "http://%s/key.pem", "https://%s.attacker.example/key.pem", "https://attacker.example/%s/key.pem",
	"https://%s@attacker.example/key.pem", "https://attacker.example#%s", "https://attacker.example?%s", "https://attacker.example\\%s",
	"https://attacker.example%%2f%s", "https://%s%%00.attacker.example/", "https://%s:8443/key.pem", "https://%s:@attacker.example/", "//attacker.example/%s",
	"https://%s\n.attacker.example/", "https://%s/\r\nHost: attacker.example", "https://127.0.0.1/%s", "https://169.254.169.254/latest/meta-data", "https://[::1]/%s",
	"https://0x7f000001/", "https://2130706433/", "file:///etc/passwd", "gopher://%s/", "ftp://%s/key.pem", "HTTPS://ATTACKER.EXAMPLE/%s", "javascript:%s",
	"../%s", "../../%s", "..%%2f%s", "%s/..", "%s/../../attacker", "%s?x=", "%s#", "%s%%00", "%s\x00", "%s\n", " %s", "%s ", ".", "..", "/", "//", "?", "#", "%%", "@attacker.example", ":443@attacker.example/", "\\",
	"%s;x", "%s,%s", "*", "{option:x}", "${jndi:ldap://attacker.example}",
}

// TestAttackKeyPlaces writes other places into everything of a request that leads
// to a key. Nothing may be asked for but by a URL of the same form as the genuine
// one's, on a host of the provider's, and with no such key is it accepted.
func TestAttackKeyPlaces(t *testing.T) {
	tried := 0
	attack(t, false, func(t *testing.T, v *vector, _ verifiers.Event) {
		scheme, ok := v.scheme.(verifiers.Fetching)
		if !ok || len(v.secrets) > 0 {
			return
		}
		source := &watched{keyFiles: v.documents(t)}
		verifier, err := scheme.WithKeySource(source).Verifier()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), v.request); err != nil {
			t.Fatal(err)
		}
		genuine := slices.Clone(source.asked)
		if len(genuine) == 0 {
			t.Fatal("nothing was asked for")
		}
		tried++
		for where, changed := range leads(v, genuine[0].URL) {
			source.asked = nil
			_, err := verifier.Verify(t.Context(), changed)
			for _, r := range source.asked {
				if err == nil && r.URL != genuine[0].URL {
					t.Errorf("accepted with %s", where)
				}
				if !likeIt(r, genuine[0]) {
					t.Errorf("with %s it asks for %q", where, r.URL)
				}
			}
		}
	})
	if tried < 5 {
		t.Errorf("only %d rows fetch keys", tried)
	}
}

// leads are requests in which one header or member that may lead to the key says
// something else.
func leads(v *vector, keyURL string) map[string]*verifiers.Request {
	host := keyURL
	if u, err := url.Parse(keyURL); err == nil {
		host = u.Host
	}
	all := map[string]*verifiers.Request{}
	put := func(where, old string, change func(r *verifiers.Request, value string)) {
		for _, text := range elsewhere {
			for _, name := range []string{host, old} {
				value := strings.ReplaceAll(strings.ReplaceAll(text, "%%", "%"), "%s", name)
				if value == old {
					continue
				}
				r := v.changed(func(r *verifiers.Request) { change(r, value) })
				all[fmt.Sprintf("%q in %s", value, where)] = r
			}
		}
	}
	for name, values := range v.request.Header {
		if strings.Contains(keyURL, values[0]) || strings.Contains(strings.ToLower(name), "key") || strings.Contains(strings.ToLower(name), "cert") {
			put("the header "+name, values[0], func(r *verifiers.Request, value string) { r.Header[name] = []string{value} })
		}
	}
	body := string(v.request.Body)
	for _, m := range membersOf(body) {
		name, value := body[m.name:m.nameEnd], gjson.Parse(body[m.value:m.valueEnd])
		if value.Type == gjson.String && strings.HasPrefix(value.Str, "https://") {
			put("the member "+name, value.Str, func(r *verifiers.Request, value string) {
				quoted := fmt.Sprintf("%q", value)
				r.Body = []byte(body[:m.value] + strings.ReplaceAll(quoted, `\x`, `\u00`) + body[m.valueEnd:])
			})
		}
	}
	return all
}

// likeIt tells whether a request for a key goes where the genuine one goes.
func likeIt(r, genuine verifiers.KeyRequest) bool {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Fragment != "" || u.RawQuery != "" && !strings.Contains(genuine.URL, "?") {
		return false
	}
	want, err := url.Parse(genuine.URL)
	if err != nil || strings.Contains(r.URL, "..") || strings.ContainsAny(r.URL, "\\ \t\r\n\x00%") {
		return false
	}
	// Those with a pin may have others of the provider's hosts.
	if u.Host != want.Host && len(r.Pin) == 0 {
		return false
	}
	return len(strings.Split(u.Host, ".")) == len(strings.Split(want.Host, ".")) && len(strings.Split(u.Path, "/")) == len(strings.Split(want.Path, "/")) &&
		!strings.Contains(u.Host, "attacker")
}

// TestAttackKeyNames names other keys than the one that signed, for schemes where
// a request says which of the endpoint's it is.
func TestAttackKeyNames(t *testing.T) {
	tried := 0
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		place := ""
		switch s := v.scheme.(type) {
		case verifiers.HMAC:
			place = s.KeyID
		case verifiers.PublicKey:
			place = s.Keys.KeyID
		}
		name, ok := strings.CutPrefix(strings.TrimSuffix(place, "}"), "{header:")
		old := v.request.Header.Get(name)
		if !ok || old == "" {
			return
		}
		tried++
		if _, changed := v.tries(t, set(name, old+"x")); changed {
			return // the endpoint did not name its keys, or the header is a hint
		}
		for _, other := range []string{
			"", " ", old + " ", " " + old, old + "\n", old + "\x00", "\x00" + old, old + "," + old, old + "/", "../" + old, old + "/../" + old, strings.ToUpper(old) + "X",
			"*", ".*", "%", "null", "undefined", "0", "-1", strings.Repeat("k", 20_000), old + "\u200b", "\ufeff" + old, "__proto__",
		} {
			if got, ok := v.tries(t, set(name, other)); ok && !same(got, ev) || ok && other != old {
				t.Errorf("accepted with the key ID %.40q", other)
			}
		}
	})
	if tried == 0 {
		t.Error("no row with a key ID")
	}
}
