package providers

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(trustpay) }

func trustpay() verifiers.Provider {
	return verifiers.Provider{
		Name:  "trustpay",
		Title: "TrustPay",
		Docs: []string{
			"https://doc.trustpay.eu/",
			"https://github.com/juspay/connector-service/blob/main/crates/integrations/connector-integration/src/connectors/trustpay.rs",
		},
		Why: "The values of the body are signed, sorted and without their names. The names of the values are therefore not signed: " +
			"anybody who saw a request can exchange two of them. Look the payment up before acting on it.",
		Scheme: trustpayScheme{Facts: verifiers.Facts{
			EventType: []string{"{json:PaymentInformation.Status}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "secret key",
			Where: "given by TrustPay with the project",
		},
		Freshness: verifiers.Freshness{
			Why: "There is no time that is documented, and none that is signed as such.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why:          "There is no ID of the event. The values have the payment's reference and its state.",
		},
		Confidential: []verifiers.Place{{From: "json", Name: "Signature"}},
		Sample: verifiers.Sample{
			Body: `{"PaymentInformation":{"CreditDebitIndicator":"CRDT","References":{"MerchantReference":"order-{unix}","PaymentId":"{id}"},` +
				`"Status":"Paid","Amount":{"Amount":1.5,"Currency":"EUR"}},"Signature":""}`,
		},
	}
}

// trustpayScheme signs the values of a JSON document, sorted.
type trustpayScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = trustpayScheme{}
	_ verifiers.Signer = trustpayScheme{}
)

// Verifier makes the scheme's verifier.
func (s trustpayScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	return inBody(keys, facts, "hex", func(r *verifiers.Request) (string, []string, error) {
		if err := growSorted(r, 1); err != nil {
			return "", nil, err
		}
		content, signature, err := trustpayParts(r.Body)
		return signature, []string{content}, err
	}), nil
}

// trustpayParts returns the signed content and the signature.
func trustpayParts(body []byte) (content, signature string, err error) {
	if !verifiers.ValidJSON(body) {
		return "", "", verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	root := gjson.ParseBytes(body)
	found, err := members(root, "Signature")
	if err != nil {
		return "", "", err
	}
	if signature = found["Signature"].Str; signature == "" {
		return "", "", verifiers.Refuse(verifiers.MissingSignature, "no Signature")
	}
	var values []string
	verifiers.Members(root.Raw, func(quoted, value string) bool {
		if !verifiers.NamesMember(quoted, "Signature") { // of which there is one, in this case
			values, err = trustpayValues(values, gjson.Parse(value), 1)
		}
		return err == nil
	})
	if err != nil {
		return "", "", err
	}
	slices.Sort(values)
	return strings.Join(values, "/"), signature, nil
}

// trustpayValues appends the values in v. Numbers have two decimals.
func trustpayValues(values []string, v gjson.Result, depth int) ([]string, error) {
	if len(values) >= maxValues {
		return nil, errTooManyValues()
	}
	if depth > maxNesting {
		return nil, verifiers.Refuse(verifiers.MalformedBody, "it is nested deeper than %d levels", maxNesting)
	}
	var err error
	switch v.Type {
	case gjson.JSON:
		verifiers.Members(v.Raw, func(_, item string) bool {
			values, err = trustpayValues(values, gjson.Parse(item), depth+1)
			return err == nil
		})
	case gjson.Number:
		values = append(values, strconv.FormatFloat(v.Num, 'f', 2, 64))
	case gjson.String:
		values = append(values, verifiers.JSONText(v))
	default:
		values = append(values, v.Raw)
	}
	return values, err
}

// Sign writes the signature to its place.
func (s trustpayScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if err := verifiers.Put(r, "json", "Signature", "00"); err != nil { // the next steps take none for an error
		return err
	}
	content, _, err := trustpayParts(r.Body)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "json", "Signature", strings.ToUpper(toHex(sumOf(sha256.New, keys[0], content))))
}
