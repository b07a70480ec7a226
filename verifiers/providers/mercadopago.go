package providers

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(mercadopago) }

// Compared in November 2026: mercadopago 3.6.1 is the newest and judges this row.
func mercadopago() verifiers.Provider {
	return verifiers.Provider{
		Name:  "mercadopago",
		Title: "Mercado Pago",
		Docs: []string{
			"https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks",
			"https://github.com/mercadopago/sdk-go/blob/main/pkg/webhook/webhook.go",
			"https://github.com/mercadopago/sdk-nodejs/blob/master/src/utils/webhook/index.ts",
		},
		Why: "The body is not signed: only the ID of the changed object, from the query, the request's ID and the time are. Fetch the payment or " +
			"order by that ID before acting on it. Empty values are left out of the signed text. Its documents and one of its libraries " +
			"put the ID in lower case, the other keeps it, so both are tried. Notifications of QR codes and the older IPN are not signed.",
		Confirmed: true,
		Scheme: mercadopagoScheme{Facts: verifiers.Facts{
			EventID:   []string{"{json:id}"},
			EventType: []string{"{json:action}", "{json:type}", "{query:type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "secret signature",
			Where: "Your integrations > the application > Webhooks",
		},
		Freshness: verifiers.Freshness{
			Origin:    verifiers.EventTime,
			Tolerance: withinWeek,
			Why: "It is not documented whether an attempt renews the signed time, so it is taken for the event's. Mercado Pago " +
				"tries for days, which a week outlasts. Its libraries take it for seconds and for milliseconds.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       pastWeek,
			UniqueBodies: true,
			Why: "The notification's ID stands in the body, which is not signed, so it is bound to a digest of the signed text. That has the " +
				"request's ID and a time in it, so the same signature with another body is a replay.",
		},
		Sample: verifiers.Sample{
			Header: map[string]string{"X-Request-Id": "{uuid}"},
			Body: `{"id":"{id}","live_mode":false,"type":"payment","date_created":"{time}","user_id":44444,"api_version":"v1",` +
				`"action":"payment.updated","data":{"id":"999999999"}}`,
		},
	}
}

// mercadopagoScheme signs a text of three values, of which empty ones are left out.
type mercadopagoScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = mercadopagoScheme{}
	_ verifiers.Signer = mercadopagoScheme{}
	_ verifiers.Timed  = mercadopagoScheme{}
)

// Timed reports that requests have a time: it stands in the signature.
func (mercadopagoScheme) Timed() bool { return true }

// Verifier makes the scheme's verifier.
func (s mercadopagoScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{Places: []string{"{header:X-Request-Id}"}})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		value, err := verifiers.HeaderOf(r, "X-Signature")
		if err != nil {
			return verifiers.Event{}, err
		}
		stamp, signature, err := mercadopagoParts(value)
		if err != nil {
			return verifiers.Event{}, err
		}
		format := "unix"
		if len(stamp) > 11 {
			format = "unix_ms"
		}
		sent, err := verifiers.ParseTime(format, stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		contents, err := mercadopagoContents(r, stamp)
		if err != nil {
			return verifiers.Event{}, err
		}
		for _, content := range contents {
			if signedBy(sha256.New, keys, signature, content) {
				ev := verifiers.Event{Content: []byte(content), Timestamp: sent, Signed: verifiers.Fields{Timestamp: true}}
				return told(facts, r, ev)
			}
		}
		return verifiers.Event{}, wrongSignature()
	}), nil
}

// mercadopagoParts takes a value apart that reads ts=…,v1=…. Versions that are not
// known are passed over.
func mercadopagoParts(value string) (stamp string, signature []byte, err error) {
	var text string
	for _, item := range strings.SplitN(value, ",", 32) {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		into := map[string]*string{"ts": &stamp, "v1": &text}[key]
		if into == nil {
			continue
		}
		if *into != "" {
			return "", nil, verifiers.Refuse(verifiers.MalformedSignature, "%s is there more than once", key)
		}
		*into = value
	}
	switch {
	case text == "":
		return "", nil, verifiers.Refuse(verifiers.MissingSignature, "the list in the header X-Signature has no v1")
	case stamp == "":
		return "", nil, verifiers.Refuse(verifiers.MissingTimestamp, "the list in the header X-Signature has no ts")
	}
	signature, err = decoded("hex", text)
	return stamp, signature, err
}

// mercadopagoContents are the texts that may have been signed. The values cannot
// hold a semicolon, or one could stand for two.
func mercadopagoContents(r *verifiers.Request, stamp string) ([]string, error) {
	query, err := verifiers.QueryOf(r.URL)
	if err != nil {
		return nil, err
	}
	id := ""
	if slices.ContainsFunc(query, func(p verifiers.Pair) bool { return p.Name == "data.id" && p.Value != "" }) {
		if id, err = only(query, "data.id"); err != nil {
			return nil, err
		}
	}
	values := r.Header["X-Request-Id"]
	if len(values) > 1 {
		return nil, verifiers.Refuse(verifiers.MalformedSignature, "the header X-Request-Id is there more than once")
	}
	request := strings.TrimSpace(strings.Join(values, ""))
	if strings.Contains(id+request, ";") {
		return nil, verifiers.Refuse(verifiers.MalformedSignature, "a signed value has a semicolon")
	}
	var contents []string
	for _, id := range slices.Compact([]string{strings.ToLower(id), id}) {
		content := ""
		if id != "" {
			content += "id:" + id + ";"
		}
		if request != "" {
			content += "request-id:" + request + ";"
		}
		contents = append(contents, content+"ts:"+stamp+";")
	}
	return contents, nil
}

// Sign adds the signature.
func (s mercadopagoScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	contents, err := mercadopagoContents(r, stamp)
	if err != nil {
		return err
	}
	return verifiers.Put(r, "header", "X-Signature", "ts="+stamp+",v1="+toHex(sumOf(sha256.New, keys[0], contents[0])))
}
