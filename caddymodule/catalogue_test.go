package caddymodule

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// credential has the secret to sign with and the secret of the endpoint.
type credential struct{ signs, secret string }

// credentials are of every form that a provider has: each takes the first that
// suits it.
var credentials = sync.OnceValue(func() []credential {
	return makeCredentials("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "a plain secret", "cGxhaW4gc2VjcmV0IGluIGJhc2U2NA==",
		strings.Repeat("0123456789abcdef", 4), "user:password", "user:cGFzc3dvcmQ=")
})

// otherCredentials are credentials of the same forms in the same order.
var otherCredentials = sync.OnceValue(func() []credential {
	return makeCredentials("whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=", "another secret", "YW5vdGhlciBzZWNyZXQ=",
		strings.Repeat("fedcba9876543210", 4), "name:another-password", "name:YW5vdGhlcg==")
})

// makeCredentials makes keys of every kind besides the given secrets.
func makeCredentials(secrets ...string) (all []credential) {
	for _, s := range secrets {
		all = append(all, credential{s, s})
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	rsa2048, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, key := range []crypto.Signer{ed, p256, p521, rsa2048} {
		private, err := x509.MarshalPKCS8PrivateKey(key)
		public, err2 := x509.MarshalPKIXPublicKey(key.Public())
		if err := errors.Join(err, err2); err != nil {
			panic(err)
		}
		all = append(all, credential{
			string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
			string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		})
	}
	return all
}

// blanks are the lines that the rows need which say nothing of where to look.
var blanks = map[string][]string{
	"hmac":    {"signature=header X-Acme-Signature prefix sha256=", "timestamp=header X-Acme-Timestamp", "signed={timestamp}.{body}", "event_id=json id"},
	"token":   {"token=header X-Acme-Token", "event_id=json id"},
	"jwt":     {"token=bearer", "algorithms=HS256", "event_id=json id"},
	"ed25519": {"signature=header X-Acme-Signature", "timestamp=header X-Acme-Timestamp", "signed={timestamp}.{body}", "event_id=json id"},
	"ecdsa":   {"signature=header X-Acme-Signature encoding base64", "timestamp=header X-Acme-Timestamp", "signed={timestamp}.{body}", "event_id=json id"},
	"rsa":     {"signature=header X-Acme-Signature encoding base64", "timestamp=header X-Acme-Timestamp", "signed={timestamp}.{body}", "event_id=json id"},
}

// optionsFor returns the options of the command line for a row.
func optionsFor(row verifiers.Provider) []string {
	lines := slices.Clone(blanks[row.Name])
	for _, o := range row.Options {
		if o.Required || o.Paired {
			first, _, _ := strings.Cut(o.Example, " ")
			lines = append(lines, o.Name+"="+first)
		}
	}
	return lines
}

// signerFor makes the provider with which the commands sign, if the credential suits the
// row.
func signerFor(row verifiers.Provider, url string, c credential) (*signing, *Provider, error) {
	make := func(secret string) (*Provider, error) {
		p := &Provider{row: row}
		for _, o := range optionsFor(row) {
			if err := p.optionFlag(o); err != nil {
				return nil, err
			}
		}
		return p, p.settle(nil, 1)
	}
	signs, err := make(c.signs)
	if err != nil {
		return nil, nil, err
	}
	verifies, err := make(c.secret)
	if err != nil {
		return nil, nil, err
	}
	if err := verifies.join(c.secret); err != nil {
		return nil, nil, err
	}
	s := &signing{command: &command{provider: signs, secrets: []string{c.signs}, url: url}}
	now := time.Now()
	r, err := s.request(now)
	if err != nil {
		return nil, nil, err
	}
	ev, err := verifies.Verify(context.Background(), r)
	if err != nil {
		return nil, nil, err
	}
	return s, verifies, verifies.row.Freshness.Check(ev, now)
}

// TestCatalogue runs the Caddyfile of every provider's page in docs/providers, signs as the
// commands do, and sends: the request is accepted, answered as the row says, and given to
// the upstream once.
func TestCatalogue(t *testing.T) {
	up := newUpstream(t)
	var site strings.Builder
	type endpoint struct {
		row  verifiers.Provider
		sign *signing
	}
	var endpoints []endpoint
	for _, row := range providers.All() {
		c, s, err := credentialFor(row)
		if err != nil {
			t.Errorf("%s: no credential suits it: %v", row.Name, err)
			continue
		}
		if s != nil {
			endpoints = append(endpoints, endpoint{row, s})
		}
		if blanks[row.Name] == nil {
			site.WriteString(pageSite(t, row, c.secret, up.addr))
			continue
		}
		fmt.Fprintf(&site, "webhook_gateway /%s %s {\n\tsecret `%s`\n\tforward %s\n", row.Name, row.Name, c.secret, up.addr)
		for _, o := range optionsFor(row) {
			name, value, _ := strings.Cut(o, "=")
			if name == "signed" {
				value = `"` + value + `"`
			}
			fmt.Fprintf(&site, "\t%s %s\n", name, value)
		}
		site.WriteString("}\n")
	}
	g := start(t, setup{site: site.String() + "respond 404"})
	for _, e := range endpoints {
		t.Run(e.row.Name, func(t *testing.T) {
			up.t, g.t = t, t
			e.sign.url = "http://" + g.addr + "/" + e.row.Name
			r, err := e.sign.request(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			hr, err := httpRequest(r, r.URL)
			if err != nil {
				t.Fatal(err)
			}
			a := g.send(hr)
			if want := e.row.Answers.Success; e.row.Synchronous == "" && (a.status != cmp.Or(want.Status, 200) || a.body != want.Body) || a.status >= 300 {
				t.Fatalf("answered %v", a)
			}
			got := up.next()
			if string(got.body) != string(r.Body) || got.Header.Get("Webhook-Gateway-Provider") != e.row.Name {
				t.Errorf("the upstream got %q with %v", got.body, got.Header)
			}
		})
	}
	up.t, g.t = t, t
	g.drained()
	up.nothing()
}

// credentialFor returns the first credential that suits a row, and the provider with it. A
// row that cannot sign gets any credential.
func credentialFor(row verifiers.Provider) (credential, *signing, error) {
	if _, ok := row.Scheme.(verifiers.Signer); !ok {
		return credentials()[0], nil, nil
	}
	var failures []error
	for _, c := range credentials() {
		s, _, err := signerFor(row, "/"+row.Name, c)
		if err == nil {
			return c, s, nil
		}
		failures = append(failures, err)
	}
	return credential{}, nil, errors.Join(failures...)
}

var environment = regexp.MustCompile(`\{env\.([A-Z0-9_]+)\}`)

// pageSite returns the lines of the site on a provider's page. Its environment variables are
// set. Instead of keys that are learnt or fetched, the endpoint has the secret.
func pageSite(t *testing.T, row verifiers.Provider, secret, upstream string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/providers/" + row.Name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```caddyfile\nhooks.example.com {\n")
	text, _, found := strings.Cut(text, "\trespond 404\n}\n```\n")
	if !found {
		t.Fatalf("%s: the page has no site", row.Name)
	}
	options := map[string]string{}
	for _, o := range row.Options {
		options[strings.ToUpper(o.Name)], _, _ = strings.Cut(o.Example, " ")
	}
	for _, m := range environment.FindAllStringSubmatch(text, -1) {
		value := secret
		for name, example := range options {
			if strings.HasSuffix(m[1], "_"+name) {
				value = example
			}
		}
		t.Setenv(m[1], value)
	}
	if _, signs := row.Scheme.(verifiers.Signer); signs && !strings.Contains(text, "\tsecret ") {
		text = strings.Replace(text, "\t\tenrol\n", "", 1)
		text = strings.Replace(text, " {\n", fmt.Sprintf(" {\n\t\tsecret `%s`\n", secret), 1)
	}
	return strings.ReplaceAll(text, "app:8080", upstream)
}

// TestCatalogueRows checks what the gateway expects of each row.
func TestCatalogueRows(t *testing.T) {
	reserved := []string{
		"secret", "name", "tolerance", "dedupe", "replays", "max_body", "public_url", "enrol", "forward", "provider", "secrets", "options",
	}
	for _, row := range providers.All() {
		options := make(map[string]string)
		for _, o := range row.Options {
			options[o.Name], _, _ = strings.Cut(o.Example, " ")
			if slices.Contains(reserved, o.Name) {
				t.Errorf("%s: the option %s is a subdirective of every endpoint", row.Name, o.Name)
			}
		}
		if _, err := verifiers.CompileHandshakes(row.Handshakes, options); err != nil {
			t.Errorf("%s: %v", row.Name, err)
		}
		if len(row.Docs) > 0 {
			checkPromises(t, row)
		}
		names := make(map[string]bool)
		for _, h := range row.Handshakes {
			if h.Name == "" || names[h.Name+" "+h.Method] {
				t.Errorf("%s: a handshake without a name of its own: %q", row.Name, h.Name)
			}
			names[h.Name+" "+h.Method] = true
			if h.Enrols != "" && !row.Secret.Learnt {
				t.Errorf("%s: the handshake %s hands over a secret that the row does not learn", row.Name, h.Name)
			}
		}
	}
}

// checkPromises makes sure that an endpoint believes a row: a scheme of its own
// that finds times and IDs itself has to say so, or the gateway would take the
// requests for ones without.
func checkPromises(t *testing.T, row verifiers.Provider) {
	if s, ok := row.Scheme.(verifiers.Timed); ok && !s.Timed() && row.Freshness.Tolerance != (verifiers.Tolerance{}) {
		t.Errorf("%s: it has a tolerance, and its scheme says that there is no time to enforce", row.Name)
	}
	if s, ok := row.Scheme.(verifiers.Identified); ok && !s.Identified() && row.Dedupe.By == verifiers.ByID {
		t.Errorf("%s: it is deduplicated by ID, and its scheme says that there is none", row.Name)
	}
}
