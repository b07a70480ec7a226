package providers

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestMessageSignature checks RFC 9421's own example for Ed25519 (appendix B.2.6).
func TestMessageSignature(t *testing.T) {
	r := &verifiers.Request{Method: "POST", URL: "https://example.com/foo?param=Value&Pet=dog", Header: http.Header{
		"Date": {"Tue, 20 Apr 2021 02:07:55 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"18"},
		"Signature-Input": {`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`},
		"Signature":       {"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"},
	}}
	key, err := ed25519Key("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
	if err != nil {
		t.Fatal(err)
	}
	all, err := messageSignatures(r)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	m := all[0]
	if !ed25519.Verify(key, []byte(m.base), m.signature) {
		t.Errorf("the example is refused; the base is\n%s", m.base)
	}
	if m.keyID != "test-key-ed25519" || m.created != 1618884473 || m.algorithm != "" || m.expires != 0 || len(m.covered) != 6 {
		t.Errorf("%+v", m)
	}
}

func TestMessageSignatureRefused(t *testing.T) {
	for name, fields := range map[string][2]string{
		"no dictionary":         {`x=(`, `x=:AAAA:`},
		"no signature":          {`x=("a")`, ``},
		"not bytes":             {`x=("a")`, `x="AAAA"`},
		"not a list":            {`x="a"`, `x=:AAAA:`},
		"too many":              {`a=("a"), b=("a"), c=("a"), d=("a"), e=("a")`, `a=:AA==:, b=:AA==:, c=:AA==:, d=:AA==:, e=:AA==:`},
		"covered twice":         {`x=("a" "a")`, `x=:AAAA:`},
		"not a name":            {`x=(a)`, `x=:AAAA:`},
		"upper case":            {`x=("A")`, `x=:AAAA:`},
		"absent":                {`x=("b")`, `x=:AAAA:`},
		"unknown and derived":   {`x=("@status")`, `x=:AAAA:`},
		"parameters":            {`x=("a";sf)`, `x=:AAAA:`},
		"a text for a time":     {`x=("a");created="1"`, `x=:AAAA:`},
		"a time before 1970":    {`x=("a");created=-1`, `x=:AAAA:`},
		"a number for a key":    {`x=("a");keyid=1`, `x=:AAAA:`},
		"a line in a component": {`x=("c")`, `x=:AAAA:`},
	} {
		r := &verifiers.Request{Method: "POST", Header: http.Header{
			"A": {"1"}, "C": {"1\n\"@method\": GET"}, "Signature-Input": {fields[0]}, "Signature": {fields[1]},
		}}
		if all, err := messageSignatures(r); verifiers.ReasonOf(err) != verifiers.MalformedSignature && verifiers.ReasonOf(err) != verifiers.MissingSignature {
			t.Errorf("%s: %+v, %v", name, all, err)
		}
	}
}

// TestTruelayerKeys reads coordinates that lack their leading zeros, and refuses
// those of no point on the curve.
func TestTruelayerKeys(t *testing.T) {
	short := `{"keys":[{"kty":"EC","kid":"a","crv":"P-521",` +
		`"x":"oLuW4nFqoUuR8d7FVsUoI62libYdQlWGtLStnqdudLY92bQ0ra5eZAbkunrGTR9-w9mr4o2Etyb6pC7YB2-23WM",` +
		`"y":"AX1cjkGMiltikPrkX49qwuJDdcETaTsj-kyFP8jsF9W5XAB3Z4tBiQtc72DQnJYeKyAV_T6qZTtFKFr-Tp4iu-j7"}]}`
	if keys, err := readTruelayerKeys([]byte(short)); err != nil || keys["a"] == nil {
		t.Error(keys, err)
	}
	long := base64.RawURLEncoding.EncodeToString(make([]byte, 67))
	for name, document := range map[string]string{
		"not JSON":      `<html>`,
		"no keys":       `{"keys":[]}`,
		"another curve": `{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"AA","y":"AA"}]}`,
		"not a point":   `{"keys":[{"kty":"EC","kid":"a","crv":"P-521","x":"AQ","y":"AQ"}]}`,
		"not base64":    `{"keys":[{"kty":"EC","kid":"a","crv":"P-521","x":"=","y":"AQ"}]}`,
		"too long":      `{"keys":[{"kty":"EC","kid":"a","crv":"P-521","x":"` + long + `","y":"AQ"}]}`,
	} {
		if keys, err := readTruelayerKeys([]byte(document)); err == nil {
			t.Errorf("%s: %v", name, keys)
		}
	}
}
