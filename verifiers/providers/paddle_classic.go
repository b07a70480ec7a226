package providers

import (
	"crypto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(paddleClassic) }

func paddleClassic() verifiers.Provider {
	return verifiers.Provider{
		Name:  "paddle-classic",
		Title: "Paddle Classic",
		Docs: []string{
			"https://developer.paddle.com/webhook-reference/verifying-webhooks",
			"https://github.com/laravel/cashier-paddle/blob/v1.11.0/src/Http/Middleware/VerifyWebhookSignature.php",
		},
		Why: "Older accounts only: Paddle Billing is the provider paddle. The fields of the form are sorted, written as PHP's serialize " +
			"does and signed with RSA and SHA-1, for Paddle Classic has nothing else.",
		Confirmed: true,
		Scheme: paddleClassicScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{form:event_time}", Format: "datetime"},
			EventID:   []string{"{form:alert_id}"},
			EventType: []string{"{form:alert_name}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "public key",
			Where: "Developer Tools > Public Key",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why:       "The time is signed and is that of the event. Paddle sends an alert again for three days, which a week outlasts.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The alert's ID is signed and is the same on every attempt.",
		},
		Confidential: []verifiers.Place{{From: "form", Name: "p_signature"}},
		Sample: verifiers.Sample{
			Type: "application/x-www-form-urlencoded",
			Body: "alert_id={unix}&alert_name=payment_succeeded&currency=USD&customer_name=Zo%C3%AB&event_time={formtime}&sale_gross=12.50",
		},
	}
}

// paddleClassicScheme signs the fields of a form as PHP serialises them.
type paddleClassicScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = paddleClassicScheme{}
	_ verifiers.Signer = paddleClassicScheme{}
)

// Verifier makes the scheme's verifier, of public keys.
func (s paddleClassicScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := rsaKeys(secrets)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Form: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		form, err := verifiers.FormOf(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		text, err := only(form, "p_signature")
		if err != nil {
			return verifiers.Event{}, err
		}
		signature, err := decoded("base64", text)
		if err != nil {
			return verifiers.Event{}, err
		}
		content, err := phpSerialized(form)
		if err != nil {
			return verifiers.Event{}, err
		}
		if !rsaSigned(keys, crypto.SHA1, content, signature) {
			return verifiers.Event{}, wrongSignature()
		}
		return told(facts, r, verifiers.Event{Content: []byte(content)})
	}), nil
}

// phpSerialized writes the fields but for the signature. The lengths in it count
// bytes. PHP would read a name with brackets as an array, and a number as one.
func phpSerialized(form []verifiers.Pair) (string, error) {
	form = slices.DeleteFunc(slices.Clone(form), func(p verifiers.Pair) bool { return p.Name == "p_signature" })
	slices.SortFunc(form, func(a, b verifiers.Pair) int { return strings.Compare(a.Name, b.Name) })
	b := []byte("a:" + strconv.Itoa(len(form)) + ":{")
	for i, p := range form {
		if i > 0 && form[i-1].Name == p.Name {
			return "", verifiers.Refuse(verifiers.MalformedBody, "a field is there more than once")
		}
		if _, err := strconv.Atoi(p.Name); err == nil || strings.ContainsAny(p.Name, "[]. \x00") || p.Name == "" {
			return "", verifiers.Refuse(verifiers.MalformedBody, "a field has a name that PHP would change")
		}
		for _, s := range []string{p.Name, p.Value} {
			b = append(b, "s:"+strconv.Itoa(len(s))+`:"`+s+`";`...)
		}
	}
	return string(append(b, '}')), nil
}

// Sign adds the signature, with a private key.
func (s paddleClassicScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	form, err := verifiers.FormOf(r)
	if err != nil {
		return err
	}
	content, err := phpSerialized(form)
	if err != nil {
		return err
	}
	signature, err := rsaSign(secret, crypto.SHA1, content)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "form", "p_signature", toBase64(signature))
}
