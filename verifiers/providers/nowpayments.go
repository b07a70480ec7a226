package providers

import (
	"crypto/sha512"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(nowpayments) }

func nowpayments() verifiers.Provider {
	return verifiers.Provider{
		Name:  "nowpayments",
		Title: "NOWPayments",
		Docs: []string{
			"https://documenter.getpostman.com/view/7907941/S1a32n38",
			"https://github.com/NowPaymentsIO/nowpayments-sdk-nodejs/blob/master/src/ipn.js",
			"https://www.npmjs.com/package/node-nowpayments-api",
			"https://github.com/better-giving/better-giving/blob/main/packages/app/src/lib/server/payments/nowpayments.spec.ts",
		},
		Confirmed: true,
		Why: "NOWPayments signs the body's JSON with its members sorted, as JavaScript writes it, not the body. Libraries differ in " +
			"whether only the first level is sorted, and in how arrays are written, so all of these ways are tried. A body " +
			"with a member twice is refused, since it would be signed without the first. Its own library for Node sorts every level, its plugin for WooCommerce the first. A receiver " +
			"reports that nothing comes signed in the other two ways.",
		Scheme: nowpaymentsScheme{Facts: verifiers.Facts{
			EventID:   []string{"{json:payment_id}:{json:payment_status}"},
			EventType: []string{"{json:payment_status}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "IPN secret key",
			Where: "Settings > Payments > Instant payment notifications",
		},
		Freshness: verifiers.Freshness{
			Why: "There is no time in every notification.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByDigest,
			Window:       week,
			UniqueBodies: true,
			Why: "A payment may be partially paid twice, so its ID and status do not name an event. All of the body's content is signed " +
				"and tells them apart.",
		},
		Confidential: []verifiers.Place{{From: "header", Name: "X-Nowpayments-Sig"}},
		Sample: verifiers.Sample{
			Body: `{"payment_id":{unix},"payment_status":"finished","pay_address":"0x0000000000000000000000000000000000000000",` +
				`"price_amount":1,"price_currency":"usd","pay_amount":0.00000215,"actually_paid":0.00000215,"pay_currency":"btc",` +
				`"order_id":"{id}","fee":{"currency":"btc","depositFee":0.09853637216235617,"withdrawalFee":0,"serviceFee":0}}`,
		},
	}
}

// nowpaymentsScheme signs the body written anew.
type nowpaymentsScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = nowpaymentsScheme{}
	_ verifiers.Signer = nowpaymentsScheme{}
)

// nowpaymentsWriters are the ways to sort that are in use.
var nowpaymentsWriters = []jsWriter{{deep: true}, {deep: true, indexed: true}, {}}

// Verifier makes the scheme's verifier.
func (s nowpaymentsScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{JSON: true})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		signature, err := inHeader(r, "X-Nowpayments-Sig", "hex")
		if err != nil {
			return verifiers.Event{}, err
		}
		if !verifiers.ValidJSON(r.Body) {
			return verifiers.Event{}, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
		}
		if err := growSorted(r, len(nowpaymentsWriters)); err != nil {
			return verifiers.Event{}, err
		}
		written, document := *r, string(r.Body)
		for i, w := range nowpaymentsWriters {
			content, err := w.sorted(document)
			if err != nil {
				return verifiers.Event{}, err
			}
			if i == 0 {
				written.Body = []byte(content)
			}
			if signedBy(sha512.New, keys, signature, content) {
				// The facts are read from the signed text: a number may be written
				// in the body in many ways.
				return told(facts, &written, verifiers.Event{Content: written.Body})
			}
		}
		return verifiers.Event{}, wrongSignature()
	}), nil
}

// Sign adds the signature.
func (s nowpaymentsScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	if !verifiers.ValidJSON(r.Body) {
		return verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	content, err := nowpaymentsWriters[0].sorted(string(r.Body))
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Nowpayments-Sig", toHex(sumOf(sha512.New, keys[0], content)))
}
