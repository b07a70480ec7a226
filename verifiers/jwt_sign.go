package verifiers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"
)

// tokenLife is how long a token lives that is made here.
const tokenLife = 5 * time.Minute

// Sign signs a request as the provider would, with a token made for it: with
// hashes, a life of five minutes, the event ID where a claim holds it, and what
// the scheme requires of issuer, audience and the like. For all but the HS
// algorithms the secret is a private key (PEM).
func (j JWT) Sign(r *Request, secret string, now time.Time, id string) error {
	v, err := j.compile()
	if err != nil {
		return err
	}
	key, err := j.signingKey(v.algorithms, secret)
	if err != nil {
		return err
	}
	w := writing{r: r}
	if err := w.facts(j.Facts, now, id); err != nil {
		return err
	}
	in := new(reading)
	in.start(r)
	if err := v.facts.open(context.Background(), in); err != nil {
		return err
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	var payload []byte
	if v.detached != nil {
		options = &jose.SignerOptions{}
		payload, err = v.payload(in)
	} else {
		payload, err = json.Marshal(j.claims(v, in, now, id))
	}
	if err != nil {
		return fmt.Errorf("making the token: %w", err)
	}
	token, err := signToken(key, options, payload, v.detached != nil)
	if err != nil {
		return fmt.Errorf("making the token: %w", err)
	}
	if j.From == "bearer" {
		return w.put("header", "Authorization", "Bearer "+token)
	}
	return w.put(j.From, j.Names[0], j.Prefix+token)
}

func signToken(key jose.SigningKey, options *jose.SignerOptions, payload []byte, detached bool) (string, error) {
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", err
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	if detached {
		return token.DetachedCompactSerialize()
	}
	return token.CompactSerialize()
}

// signingKey makes the key and chooses the first algorithm that it is for.
func (j JWT) signingKey(allowed []jose.SignatureAlgorithm, secret string) (jose.SigningKey, error) {
	private, err := parsePrivateKey(secret)
	if err == nil {
		public := publicKey{PublicKey: private.Public()}
		i := slices.IndexFunc(allowed, public.suits)
		if i < 0 {
			return jose.SigningKey{}, fmt.Errorf("a key that none of the algorithms %s can use", j.Algorithms)
		}
		return jose.SigningKey{Algorithm: allowed[i], Key: private}, nil
	}
	i := slices.IndexFunc(allowed, hashed)
	if i < 0 {
		return jose.SigningKey{}, err
	}
	made, err := j.secret(allowed[i:i+1], secret)
	if err != nil {
		return jose.SigningKey{}, err
	}
	return jose.SigningKey{Algorithm: allowed[i], Key: sharedKey(made.mac)}, nil
}

// parsePrivateKey reads a private key, with which requests are signed for tests
// and for local development.
func parsePrivateKey(text string) (crypto.Signer, error) {
	errNot := errors.New("to sign, the provider's private key is needed, in PEM; " +
		"for tests make a pair of your own and give the endpoint its public key")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errNot
	}
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
				return nil, errNot
			}
		}
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errNot
}

// claims are what the token has to say.
func (j JWT) claims(v *jwtVerifier, in *reading, now time.Time, id string) map[string]any {
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(tokenLife).Unix()}
	for _, c := range slices.Concat(j.Require, j.Addressee) {
		if path, value, ok := c.wanted(j.Options, id); ok && claims[path] == nil {
			setClaim(claims, path, value)
		}
	}
	if names := strings.Fields(j.Options["key"]); len(names) > 0 {
		if t, err := ParseTemplate(j.KeyID); err == nil {
			if path, ok := t.claim(); ok {
				setClaim(claims, path, names[0])
			}
		}
	}
	for _, p := range v.facts.ids {
		if path, ok := p.claim(); ok {
			setClaim(claims, path, id)
			break
		}
	}
	if v.facts.time != nil {
		if path, ok := v.facts.time.claim(); ok {
			setClaim(claims, path, json.RawMessage(jsonTime(v.facts.clock, now)))
		}
	}
	v.body.set(claims, in.body)
	v.url.set(claims, in.r.URL)
	return claims
}

// jsonTime writes a time as a number where its format is one.
func jsonTime(c clock, now time.Time) string {
	text := c.format(now)
	if gjson.Parse(text).Type == gjson.Number && validJSON(text) {
		return text
	}
	return `"` + text + `"`
}

// set adds the hash of a part of the request.
func (c *claimHash) set(claims map[string]any, part string) {
	if c != nil && (part != "" || !c.Optional) {
		setClaim(claims, c.Claim, c.encoding.encode(c.sum(part)))
	}
}

// claim returns the path of a claim if the template is that and nothing else.
func (t *Template) claim() (path string, ok bool) {
	if len(t.parts) != 1 || t.parts[0].name != "claim" {
		return "", false
	}
	return t.parts[0].arg, true
}

// wanted returns the claim that a condition is about and a value that meets it:
// the event ID where any will do.
func (c Condition) wanted(options map[string]string, id string) (path, value string, ok bool) {
	of, err := ParseTemplate(c.Of)
	if err != nil || c.Absent || c.Like != "" {
		return "", "", false
	}
	if path, ok = of.claim(); !ok || len(c.Is) == 0 {
		return path, id, ok
	}
	value = c.Is[0]
	if name, isOption := optionName(value); isOption {
		values := strings.Fields(options[name])
		if len(values) == 0 {
			return "", "", false
		}
		value = values[0]
	}
	return path, value, true
}

// setClaim sets a claim at a path such as "sub" or "data.id".
func setClaim(claims map[string]any, path string, value any) {
	key, rest := "", ""
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+1 < len(path) {
			i++
		} else if path[i] == '.' {
			rest = path[i+1:]
			break
		}
		key += path[i : i+1]
	}
	if rest == "" {
		claims[key] = value
		return
	}
	inner, ok := claims[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		claims[key] = inner
	}
	setClaim(inner, rest, value)
}
