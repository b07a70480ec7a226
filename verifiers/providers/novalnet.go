package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"regexp"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(novalnet) }

func novalnet() verifiers.Provider {
	return verifiers.Provider{
		Name:  "novalnet",
		Title: "Novalnet",
		Docs: []string{
			"https://developer.novalnet.com/webhooks",
			"https://github.com/Novalnet-AG/woocommerce-payment-integration-novalnet",
		},
		Why: "The checksum is a plain SHA-256 of five fields and the access key, read backwards. Everything else in the body may have been " +
			"changed by anybody who saw the request. As nothing parts the fields, each has to be of its form.",
		Confirmed: true,
		Scheme: novalnetScheme{Facts: verifiers.Facts{
			EventID:   []string{"{json:event.tid}:{json:event.type}"},
			EventType: []string{"{json:event.type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "payment access key",
			Where: "Novalnet Admin Portal > Projects > the project > API credentials",
		},
		Freshness: verifiers.Freshness{
			Why: "The time of the transaction is not signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "One transaction may have several updates of which everything that is signed is the same. So that none is lost, the whole " +
				"body tells them apart, although most of it is not signed.",
		},
		Confidential: []verifiers.Place{{From: "json", Name: "event.checksum"}},
		Sample: verifiers.Sample{
			Body: `{"event":{"checksum":"","tid":14548000000000000,"type":"PAYMENT"},"result":{"status":"SUCCESS","status_code":100},` +
				`"transaction":{"amount":1234,"currency":"EUR","order_no":"order-{unix}","status":"CONFIRMED","tid":14548000000000000}}`,
		},
	}
}

// novalnetScheme has a checksum in the body, of some of its fields and the secret.
type novalnetScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = novalnetScheme{}
	_ verifiers.Signer = novalnetScheme{}
)

// reversed makes a secret's bytes its key, the last first.
func reversed(secret string) ([]byte, error) {
	key := []byte(secret)
	slices.Reverse(key)
	return key, nil
}

// Verifier makes the scheme's verifier.
func (s novalnetScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, reversed)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Places: []string{
		"{json:event.tid}", "{json:event.type}", "{json:result.status}", "{json:transaction.amount}", "{json:transaction.currency}",
	}})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		content, text, err := novalnetParts(r.Body)
		if err != nil {
			return verifiers.Event{}, err
		}
		checksum, err := decoded("hex", text)
		if err != nil {
			return verifiers.Event{}, err
		}
		if !slices.ContainsFunc(keys, func(key []byte) bool { return hmac.Equal(checksum, novalnetSum(content, key)) }) {
			return verifiers.Event{}, wrongSignature()
		}
		return told(facts, r, verifiers.Event{Content: r.Body})
	}), nil
}

func novalnetSum(content string, key []byte) []byte {
	sum := sha256.Sum256(append([]byte(content), key...))
	return sum[:]
}

// novalnetFields are those under the checksum, in its order, and their forms: no
// two ways to cut the joined text fit these.
var novalnetFields = []struct {
	object, name string
	like         *regexp.Regexp
}{
	{"event", "tid", regexp.MustCompile(`^[0-9]+$`)},
	{"event", "type", regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)}, // such as PAYMENT_REMINDER_1
	{"result", "status", regexp.MustCompile(`^(SUCCESS|FAILURE)$`)},
	{"transaction", "amount", regexp.MustCompile(`^[0-9]*$`)},
	{"transaction", "currency", regexp.MustCompile(`^([A-Z]{3})?$`)},
}

// novalnetParts returns the signed content but for the key, and the checksum.
func novalnetParts(body []byte) (content, checksum string, err error) {
	if !verifiers.ValidJSON(body) {
		return "", "", verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	root, err := members(gjson.ParseBytes(body), "event", "result", "transaction")
	if err != nil {
		return "", "", err
	}
	objects := map[string]map[string]gjson.Result{}
	for name, fields := range map[string][]string{
		"event": {"checksum", "tid", "type"}, "result": {"status"}, "transaction": {"amount", "currency"},
	} {
		if name == "transaction" && !root[name].Exists() {
			continue // not every event is of one
		}
		if objects[name], err = members(root[name], fields...); err != nil {
			return "", "", err
		}
	}
	if checksum = objects["event"]["checksum"].Str; checksum == "" {
		return "", "", verifiers.Refuse(verifiers.MissingSignature, "no event.checksum")
	}
	for _, f := range novalnetFields {
		text := ""
		switch v := objects[f.object][f.name]; v.Type {
		case gjson.String:
			text = verifiers.JSONText(v)
		case gjson.Number:
			text = v.Raw
		}
		if !f.like.MatchString(text) {
			return "", "", verifiers.Refuse(verifiers.MalformedBody, "%s.%s is not of its form", f.object, f.name)
		}
		content += text
	}
	return content, checksum, nil
}

// Sign writes the checksum to its place.
func (s novalnetScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, reversed)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if err := verifiers.Put(r, "json", "event.checksum", "00"); err != nil { // the next steps take none for an error
		return err
	}
	content, _, err := novalnetParts(r.Body)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "json", "event.checksum", toHex(novalnetSum(content, keys[0])))
}
