package verifiers

import (
	"crypto/rand"
	"fmt"
	"time"
)

// Sign signs a request as the provider would, for tests and for local
// development: secret is the private key of a pair of one's own, whose public key
// the endpoint has as its secret. See [HMAC.Sign] for what it writes beside.
func (p PublicKey) Sign(r *Request, secret string, now time.Time, id string) error {
	if len(p.Variants) > 0 {
		p = p.variant(p.Variants[0])
	}
	key, err := p.parseSigningKey(secret)
	if err != nil {
		return fmt.Errorf("the key to sign with: %w", err)
	}
	v, err := p.compileScheme()
	if err != nil {
		return err
	}
	p.Options = firstKey(p.Options)
	if err := v.compileContentOf(p, []string{""}); err != nil {
		return err
	}
	st := v.pool.Get().(*keyState)
	w := writing{r: r}
	if err := w.fillOnce(v.names.place, v.names.first()); err != nil {
		return fmt.Errorf("writing the key ID: %w", err)
	}
	return v.sign(&w, &st.in, p.Facts, now, id, func() ([]byte, error) {
		message, err := st.message()
		if err != nil {
			return nil, err
		}
		return key.Sign(rand.Reader, message, v.hash)
	})
}
