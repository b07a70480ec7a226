package verifiers

import (
	"strings"
	"testing"
	"time"
)

// TestKeyNames signs with the second of two keys, and names one.
func TestKeyNames(t *testing.T) {
	h := HMAC{Signature: Signature{Names: []string{"X-Sig"}}, KeyID: "{header:X-Key}", Content: "{body}"}
	at := time.Unix(1600000000, 0)
	for _, test := range []struct {
		name    string
		names   string // the option
		secrets []string
		format  SecretFormat
		sent    []string
		want    string
	}{
		{"the right one", "k1 k2", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k2"}, "body"},
		{"the wrong one", "k1 k2", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k1"}, "wrong_signature"},
		{"a strange one", "k1 k2", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k3"}, "wrong_signature"},
		{"two of one name", "k1 k1", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k1"}, "body"},
		{"none", "k1 k2", []string{"a", "b"}, SecretFormat{}, nil, "missing_signature"},
		{"two headers", "k1 k2", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k2", "X-Key", "k2"}, "malformed_signature"},
		{"nobody named them", "", []string{"a", "b"}, SecretFormat{}, []string{"X-Key", "k3"}, "body"},
		{"in the secrets", "", []string{"k1:a", "k2:b"}, SecretFormat{Named: true}, []string{"X-Key", "k2"}, "body"},
		{"in the secrets, the wrong one", "", []string{"k1:a", "k2:b"}, SecretFormat{Named: true}, []string{"X-Key", "k1"}, "wrong_signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := received("hello", test.sent...)
			bare := h
			bare.KeyID = ""
			if err := bare.Sign(r, "b", at, ""); err != nil {
				t.Fatal(err)
			}
			h := h
			h.Secret, h.Options = test.format, map[string]string{"key": test.names}
			ev, err := mustVerifier(t, h, test.secrets...).Verify(t.Context(), r)
			if got := outcome(ev, err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
			r = received("hello")
			if err := h.Sign(r, test.secrets[0], at, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := mustVerifier(t, h, test.secrets...).Verify(t.Context(), r); err != nil && test.names+test.secrets[0] != "a" {
				t.Errorf("what it signs: %v", err)
			}
		})
	}
	for want, change := range map[string]func(*HMAC){
		"3 names of keys": func(h *HMAC) { h.Options = map[string]string{"key": "k1 k2 k3"} },
		"NAME:SECRET":     func(h *HMAC) { h.Secret.Named = true },
		"key ID":          func(h *HMAC) { h.KeyID = "{hdr:X}" },
	} {
		h := h
		change(&h)
		if _, err := h.Verifier("a", "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to contain %q", err, want)
		}
	}
}
