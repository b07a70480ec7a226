package keysource

import (
	"errors"
	"io"
	"log"
	"net/http"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

var quiet = log.New(io.Discard, "", 0)

const pin = `https://[a-z.]+\.example\.com/keys/[a-z]+\.pem`

func TestPin(t *testing.T) {
	p := newProvider(t, local)
	for url, ok := range map[string]bool{
		"https://good.example.com/keys/one.pem": true,

		"http://good.example.com/keys/one.pem":                                false,
		"HTTPS://good.example.com/keys/one.pem":                               false,
		"ftp://good.example.com/keys/one.pem":                                 false,
		"//good.example.com/keys/one.pem":                                     false,
		"https:good.example.com/keys/one.pem":                                 false,
		"https://good.example.com.evil.com/keys/one.pem":                      false,
		"https://evil.com/https://good.example.com/keys/one.pem":              false,
		"https://evil.com/good.example.com/keys/one.pem":                      false,
		"https://evil.com?https://good.example.com/keys/one.pem":              false,
		"https://evil.com#https://good.example.com/keys/one.pem":              false,
		"https://evil.com\\@good.example.com/keys/one.pem":                    false,
		"https://good.example.com@evil.com/keys/one.pem":                      false,
		"https://user@good.example.com/keys/one.pem":                          false,
		"https://good.example.com:443/keys/one.pem":                           false,
		"https://good.example.com:8443/keys/one.pem":                          false,
		"https://good.example.com:/keys/one.pem":                              false,
		"https://good.example.com./keys/one.pem":                              false,
		"https://GOOD.example.com/keys/one.pem":                               false,
		"https://good.example.com/keys/one.pem?x":                             false,
		"https://good.example.com/keys/one.pem#":                              false,
		"https://good.example.com/keys/one.pem\n":                             false,
		"https://good.example.com/keys/../one.pem":                            false,
		"https://good..example.com/keys/one.pem":                              false,
		"https://.example.com/keys/one.pem":                                   false,
		"https://goodXexample.com/keys/one.pem":                               false,
		" https://good.example.com/keys/one.pem":                              false,
		"https://good.example.com/keys/one.pem https://a.example.com/k/b.pem": false,
		"": false,
	} {
		_, err := p.check(verifiers.KeyRequest{URL: url, Pin: []string{pin}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if !ok {
			if _, err := p.Fetch(t.Context(), verifiers.KeyRequest{URL: url, Pin: []string{pin}}); verifiers.ReasonOf(err) != verifiers.UnavailableKey {
				t.Errorf("%q: %v", url, err)
			}
		}
	}
	if n := p.asked.Load(); n != 0 {
		t.Errorf("%d of them were fetched", n)
	}
}

// A pin that is an alternative, or that is laxer than its author thought, still
// has to match the whole URL, and gets no further than the host's spelling.
func TestLaxPin(t *testing.T) {
	s := New(Options{})
	for url, ok := range map[string]bool{
		"https://a.example/k":        true,
		"https://b.example/k":        true,
		"https://a.example/k/evil":   false,
		"https://evil/https://b":     false,
		"https://user@b.example/k":   false,
		"https://b.example:1/k":      false,
		"https://127.0.0.1/k":        false,
		"https://[::1]/k":            false,
		"https://[fe80::1%25eth0]/k": false,
	} {
		_, err := s.check(verifiers.KeyRequest{URL: url, Pin: []string{`https://a\.example/k|https://b\.example/k|https://[^a/]*/k`}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := s.check(verifiers.KeyRequest{URL: "https://a.example/", Pin: []string{"("}}); err == nil {
		t.Error("a broken pin pins nothing")
	}
}

// The endpoint's own URL may have a port and an address.
func TestOwnURL(t *testing.T) {
	s := New(Options{})
	for url, ok := range map[string]bool{
		"https://auth.example.com/keys":        true,
		"https://auth.internal:9011/keys?a=b":  true,
		"https://10.0.0.1:9011/keys":           true,
		"https://[fd00::1]:9011/keys":          true,
		"http://auth.example.com/keys":         false,
		"https://user:pass@auth.example.com/":  false,
		"https://auth.example.com./keys":       false,
		"https://bücher.example/keys":          false,
		"file:///etc/passwd":                   false,
		"https:///keys":                        false,
		"https://auth.example.com/keys#key":    false,
		"https://auth.example.com\\evil/keys":  false,
		"https://auth.example.com/keys\r\nX:y": false,
	} {
		if _, err := s.check(verifiers.KeyRequest{URL: url}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestPrivateAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"93.184.215.14:443":          true,
		"[2606:2800:220:1::1]:443":   true,
		"[64:ff9b::5db8:d70e]:443":   true, // 93.184.215.14
		"127.0.0.1:443":              false,
		"127.8.9.1:443":              false,
		"10.1.2.3:443":               false,
		"172.16.0.1:443":             false,
		"192.168.1.1:443":            false,
		"169.254.169.254:443":        false,
		"100.64.0.1:443":             false,
		"198.18.0.1:443":             false,
		"0.0.0.0:443":                false,
		"224.0.0.1:443":              false,
		"255.255.255.255:443":        false,
		"[::1]:443":                  false,
		"[::]:443":                   false,
		"[fe80::1]:443":              false,
		"[fd00:ec2::254]:443":        false,
		"[::ffff:169.254.169.254]:1": false,
		"[64:ff9b::a9fe:a9fe]:443":   false, // 169.254.169.254
		"[64:ff9b::7f00:1]:443":      false,
		"[2002:7f00:1::]:443":        false,
		"[ff02::1]:443":              false,
		"nonsense":                   false,
	} {
		if err := publicOnly("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	p := newProvider(t, Options{}) // on a loopback address
	if err := p.refuses(t, 0, 0); !errors.Is(err, errPrivate) {
		t.Error(err)
	}
}

// A pinned host is fetched from, end to end.
func TestPinned(t *testing.T) {
	p := newProvider(t, local)
	p.handle(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	r := verifiers.KeyRequest{URL: "https://example.com/keys", Pin: []string{`https://example\.com/.*`}}
	if d, err := p.Fetch(t.Context(), r); err != nil || string(d.Body) != "example.com" {
		t.Errorf("%q, %v", d.Body, err)
	}
}
