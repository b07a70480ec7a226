package providers

import (
	"crypto"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(midtransSNAPBI) }

func midtransSNAPBI() verifiers.Provider {
	return verifiers.Provider{
		Name:  "midtrans-snap-bi",
		Title: "Midtrans SNAP-BI",
		Docs: []string{
			"https://github.com/Midtrans/midtrans-nodejs-client/blob/master/lib/snapBi/snapBi.js",
		},
		Why: "The path that is signed is Midtrans's own, such as /v1.0/debit/notify, which it appends to the merchant's URL. It is taken " +
			"from /v1.0/ on, or given by path. One key of Midtrans signs for all its merchants: merchant_id says whose events these are.",
		Confirmed: true,
		Scheme: midtransSNAPBIScheme{Facts: verifiers.Facts{
			Timestamp: verifiers.Timestamp{From: "{header:X-Timestamp}", Format: "rfc3339"},
			EventType: []string{"{json:latestTransactionStatus}"},
			Addressee: []verifiers.Condition{{Of: "{json:merchantId}", Is: []string{"{option:merchant_id}"}}},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "Midtrans's public key",
			Where: "the SNAP settings of the dashboard, in PEM",
		},
		Options: []verifiers.Option{
			{
				Name:    "path",
				What:    "the path that Midtrans appends to the notification URL, if it does not start with /v1.0/",
				Pattern: "/.*",
				Example: "/v1.0/debit/notify",
			},
			{
				Name:    "merchant_id",
				What:    "the merchant's ID as the body's merchantId has it, since Midtrans's key signs for every merchant",
				Many:    true,
				Example: "M001234",
			},
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "Midtrans does not say whether an attempt renews the signed time, so it is taken for the event's. A week outlasts " +
				"any schedule that is plausible.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       pastWeek,
			UniqueBodies: true,
			Why:          "The body has no ID of the event. It has the transaction with its status, without the time of the attempt.",
		},
		Sample: verifiers.Sample{
			Body: `{"originalPartnerReferenceNo":"order-{unix}","originalReferenceNo":"{id}","merchantId":"M001234",` +
				`"amount":{"value":"10000.00","currency":"IDR"},"latestTransactionStatus":"00","transactionStatusDesc":"Success"}`,
		},
	}
}

// midtransSNAPBIScheme signs method, path, the hash of the body without white space,
// and the time.
type midtransSNAPBIScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = midtransSNAPBIScheme{}
	_ verifiers.Signer = midtransSNAPBIScheme{}
)

// Verifier makes the scheme's verifier, of public keys.
func (s midtransSNAPBIScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := rsaKeys(secrets)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{JSON: true, Places: []string{"{header:X-Timestamp}"}})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, err := inHeader(r, "X-Signature", "base64")
		if err != nil {
			return verifiers.Event{}, err
		}
		stamp, err := verifiers.HeaderOf(r, "X-Timestamp")
		if err != nil {
			return verifiers.Event{}, err
		}
		if !verifiers.ValidJSON(r.Body) {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
		}
		if err := grow(r, 3*len(r.Body)); err != nil {
			return verifiers.Event{}, err
		}
		body := minifiedJSON(string(r.Body))
		for _, path := range s.paths(r.URL) {
			if rsaSigned(keys, crypto.SHA256, midtransSNAPBIContent(r.Method, path, body, stamp), signature) {
				return told(facts, r, verifiers.Event{Content: []byte(body)})
			}
		}
		return verifiers.Event{}, wrongSignature()
	}), nil
}

// paths are those that may have been signed: the endpoint's option, else the URL's
// path and its part that starts with the version.
func (s midtransSNAPBIScheme) paths(url string) []string {
	if path := s.Options["path"]; path != "" {
		return []string{path}
	}
	path := verifiers.PathOf(url)
	if i := strings.LastIndex(path, "/v1.0/"); i > 0 {
		return []string{path[i:], path}
	}
	return []string{path}
}

func midtransSNAPBIContent(method, path, body, stamp string) string {
	sum := sha256.Sum256([]byte(body))
	return method + ":" + path + ":" + toHex(sum[:]) + ":" + stamp
}

// Sign adds the signature, with a private key.
func (s midtransSNAPBIScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	stamp, err := verifiers.HeaderOf(r, "X-Timestamp")
	if err != nil {
		return err
	}
	if !verifiers.ValidJSON(r.Body) {
		return verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	content := midtransSNAPBIContent(r.Method, s.paths(r.URL)[0], minifiedJSON(string(r.Body)), stamp)
	signature, err := rsaSign(secret, crypto.SHA256, content)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Signature", toBase64(signature))
}
