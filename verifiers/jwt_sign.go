package verifiers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tidwall/gjson"
)

// tokenLife is the life of a token that Sign makes.
const tokenLife = 5 * time.Minute

// Sign signs a request as the provider would. It makes a token that lives for
// tokenLife, with the hashes and with the event ID where a claim holds it. It adds the
// issuer, audience and the like that the scheme requires. For all but the HS algorithms
// the secret is a private key (PEM).
func (j JWT) Sign(r *Request, secret string, now time.Time, id string) error {
	v, err := j.compile()
	if err != nil {
		return err
	}
	key, err := j.signingKey(v.algorithms, secret)
	if err != nil {
		return err
	}
	w := writing{r: r, now: now, id: id}
	if err := w.facts(j.Facts); err != nil {
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

// signingKey makes the key and chooses the first algorithm that suits it.
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

// claims returns the claims of a token that Sign makes.
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

// setClaim sets a claim at a path such as "sub" or "data.id".
func setClaim(claims map[string]any, path string, value any) {
	name, rest, more := CutPath(path)
	if !more {
		claims[name] = value
		return
	}
	inner, ok := claims[name].(map[string]any)
	if !ok {
		inner = map[string]any{}
		claims[name] = inner
	}
	setClaim(inner, rest, value)
}
