package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// resigner signs requests to an upstream by Standard Webhooks, anew at each attempt. One
// check serves the app for every provider, and a late attempt is not stale. It signs
// with the catalogue's own row, so an endpoint of that provider accepts its signatures.
type resigner struct {
	secrets []string
	scheme  verifiers.Signer
}

// The headers that are signed and the one with the signatures. The provider's
// own of these names are replaced.
const (
	resignedID        = "Webhook-Id"
	resignedTime      = "Webhook-Timestamp"
	resignedSignature = "Webhook-Signature"
)

// resigner resolves and checks the secrets. It is nil where nothing is signed.
func (c *SignWith) resigner() (*resigner, error) {
	if c == nil || c.Off {
		return nil, nil
	}
	return newResigner(c.Secrets)
}

func newResigner(configured []string) (*resigner, error) {
	s := &resigner{scheme: standardScheme}
	for i, text := range configured {
		secret, err := resolve(text)
		if err == nil && strings.TrimSpace(secret) == "" {
			err = errors.New("it is empty; is the variable or file it comes from set?")
		}
		if err == nil {
			if _, bad := standardScheme.Verifier(secret); bad != nil {
				err = errors.New("it is not a secret of Standard Webhooks: that is base64, with or without whsec_ before it; `openssl rand -base64 32` makes one")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("sign_with: secret %d of %d: %w", i+1, len(configured), err)
		}
		s.secrets = append(s.secrets, secret)
	}
	return s, nil
}

// sign writes the headers for a body that is sent now, with one signature for each
// secret. The ID is the message's: it is the same at every attempt, by which the app
// recognises a repeated one.
func (s *resigner) sign(h http.Header, id string, body []byte, now time.Time) error {
	if s == nil {
		return nil
	}
	signatures := make([]string, len(s.secrets))
	r := verifiers.Request{Method: http.MethodPost, Header: make(http.Header, 3), Body: body}
	r.Header.Set(resignedID, id)
	for i, secret := range s.secrets {
		if err := s.scheme.Sign(&r, secret, now, id); err != nil {
			return fmt.Errorf("signing for the upstream: %w", err)
		}
		signatures[i] = r.Header.Get(resignedSignature)
	}
	r.Header.Set(resignedSignature, strings.Join(signatures, " "))
	for name, values := range r.Header {
		h[name] = values
	}
	return nil
}

// standardScheme is that of the catalogue's row for Standard Webhooks.
var standardScheme = func() verifiers.HMAC {
	for _, row := range providers.All() {
		if row.Name == "standard-webhooks" {
			return row.Scheme.(verifiers.HMAC)
		}
	}
	panic("the catalogue has no row for Standard Webhooks")
}()
