package providers

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(adyen) }

// Compared in November 2026: @adyen/api-library 32.1.0 is the newest and judges this row.
func adyen() verifiers.Provider {
	return verifiers.Provider{
		Name:  "adyen",
		Title: "Adyen (Standard webhooks)",
		Docs: []string{
			"https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
			"https://github.com/Adyen/adyen-go-api-library/tree/main/src/hmacvalidator",
		},
		Why: "Each item of a notification is signed on its own, and only these eight fields are: the references, the merchant account, " +
			"the amount, the event code and success. Anybody who saw it may have changed the rest, its time included. " +
			"All items have to be signed. The key is hex. Webhooks of the Balance Platform and of Management are signed otherwise.",
		Confirmed: true,
		Scheme:    adyenScheme{},
		Secret: verifiers.SecretInfo{
			Name:  "HMAC key",
			Where: "Customer Area > Developers > Webhooks > the webhook > Security",
		},
		Freshness: verifiers.Freshness{
			Why: "The time of an item is not signed.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       31 * 24 * time.Hour,
			UniqueBodies: true,
			Why: "Adyen recognises duplicates by reference and event code, and that success may follow failure. These are signed. Several " +
				"items together are known by all that is signed of them.",
		},
		Answers: verifiers.Answers{
			Success: verifiers.Answer{Status: 200, Type: "text/plain", Body: "[accepted]"},
		},
		Retries: verifiers.Retries{ // 3 times at once, then after 2 minutes at first and 8 hours at last
			Deadline: 10 * time.Second,
			Horizon:  30 * 24 * time.Hour,
		},
		Confidential: []verifiers.Place{{From: "json", Name: "notificationItems.#.NotificationRequestItem.additionalData.hmacSignature"}},
		Sources: verifiers.Sources{
			Retries:  "https://docs.adyen.com/development-resources/webhooks/troubleshoot",
			Deadline: "https://www.adyen.com/knowledge-hub/webhooks-accept-2xx",
			Answers:  "https://www.adyen.com/knowledge-hub/webhooks-accept-2xx",
		},
		Sample: verifiers.Sample{
			Body: `{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":""},` +
				`"amount":{"currency":"EUR","value":1000},"eventCode":"AUTHORISATION","eventDate":"{time}",` +
				`"merchantAccountCode":"TestMerchant","merchantReference":"order-{unix}","originalReference":"",` +
				`"paymentMethod":"visa","pspReference":"{id}","reason":"","success":"true"}}]}`,
		},
	}
}

// adyenScheme signs some fields of each item of a notification, within the item.
type adyenScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme     = adyenScheme{}
	_ verifiers.Signer     = adyenScheme{}
	_ verifiers.Identified = adyenScheme{}
)

// Identified reports that requests have an event ID: it is made of signed fields.
func (adyenScheme) Identified() bool { return true }

func adyenKey(secret string) ([]byte, error) {
	return verifiers.SecretFormat{Encoding: "hex"}.Key(secret)
}

// Verifier makes the scheme's verifier.
func (s adyenScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, adyenKey)
	if err != nil {
		return nil, err
	}
	facts, err := s.Reader(verifiers.Covered{})
	if err != nil {
		return nil, err
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		items, err := adyenItems(r.Body)
		if err != nil {
			return verifiers.Event{}, err
		}
		var contents []string
		for _, item := range items {
			signature, err := decoded("base64", item.signature)
			if err != nil {
				return verifiers.Event{}, err
			}
			if !signedBy(sha256.New, keys, signature, item.content()) {
				return verifiers.Event{}, wrongSignature()
			}
			contents = append(contents, item.content())
		}
		ev, err := told(facts, r, verifiers.Event{Content: []byte(strings.Join(contents, "\n"))})
		if err != nil || len(items) > 1 {
			return ev, err
		}
		if ev.ID == "" {
			ev.ID, ev.Signed.ID = items[0].id(), true
		}
		if ev.Type == "" {
			ev.Type, ev.Signed.Type = strings.Clone(items[0].eventCode), true
		}
		return ev, nil
	}), nil
}

// adyenItem holds the signed fields of an item, and its signature.
type adyenItem struct {
	pspReference, originalReference, merchantAccount, merchantReference string
	value, currency, eventCode, success                                 string
	signature                                                           string
}

func (i adyenItem) content() string {
	return strings.Join([]string{
		i.pspReference, i.originalReference, i.merchantAccount, i.merchantReference,
		i.value, i.currency, i.eventCode, i.success,
	}, ":")
}

func (i adyenItem) id() string { return i.pspReference + ":" + i.eventCode + ":" + i.success }

// adyenItems reads the items of a notification.
func adyenItems(body []byte) ([]adyenItem, error) {
	if !verifiers.ValidJSON(body) {
		return nil, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	root, err := members(gjson.ParseBytes(body), "notificationItems")
	if err != nil {
		return nil, err
	}
	if !root["notificationItems"].IsArray() {
		return nil, verifiers.Refuse(verifiers.MissingSignature, "no notificationItems")
	}
	var items []adyenItem
	root["notificationItems"].ForEach(func(_, v gjson.Result) bool {
		var item adyenItem
		if item, err = adyenItemOf(v); err == nil {
			items = append(items, item)
		}
		return err == nil
	})
	if err == nil && len(items) == 0 {
		err = verifiers.Refuse(verifiers.MissingSignature, "no item in notificationItems")
	}
	return items, err
}

// The fields that cannot hold a colon, since they could otherwise be cut elsewhere
// and mean something else under the same signature. One reference may: that of a
// report where the event is one, else the merchant's own.
var (
	adyenPlain  = regexp.MustCompile(`^[^:]*$`)
	adyenAmount = regexp.MustCompile(`^-?[0-9]*$`)
	adyenBool   = regexp.MustCompile(`^(true|false)$`)
)

func adyenItemOf(v gjson.Result) (item adyenItem, err error) {
	outer, err := members(v, "NotificationRequestItem")
	if err != nil {
		return item, err
	}
	fields, err := members(outer["NotificationRequestItem"], "pspReference", "originalReference", "merchantAccountCode",
		"merchantReference", "amount", "eventCode", "success", "additionalData")
	if err != nil {
		return item, err
	}
	amount, err := members(fields["amount"], "value", "currency")
	if err != nil {
		return item, err
	}
	if !fields["additionalData"].IsObject() {
		return item, verifiers.Refuse(verifiers.MissingSignature, "no additionalData.hmacSignature")
	}
	data, err := members(fields["additionalData"], "hmacSignature")
	if err != nil {
		return item, err
	}
	sig := data["hmacSignature"]
	if sig.Type != gjson.String || sig.Str == "" {
		return item, verifiers.Refuse(verifiers.MissingSignature, "no additionalData.hmacSignature")
	}
	item.signature = sig.Str
	for _, f := range []struct {
		to    *string
		name  string
		value gjson.Result
		like  *regexp.Regexp
	}{
		{&item.pspReference, "pspReference", fields["pspReference"], nil},
		{&item.originalReference, "originalReference", fields["originalReference"], adyenPlain},
		{&item.merchantAccount, "merchantAccountCode", fields["merchantAccountCode"], adyenPlain},
		{&item.merchantReference, "merchantReference", fields["merchantReference"], nil},
		{&item.value, "amount.value", amount["value"], adyenAmount},
		{&item.currency, "amount.currency", amount["currency"], adyenPlain},
		{&item.eventCode, "eventCode", fields["eventCode"], adyenPlain},
		{&item.success, "success", fields["success"], adyenBool},
	} {
		switch f.value.Type {
		case gjson.Null: // absent, or null: nothing between the colons
		case gjson.String:
			*f.to = verifiers.JSONText(f.value)
		case gjson.Number, gjson.True, gjson.False:
			*f.to = f.value.Raw
		default:
			return item, verifiers.Refuse(verifiers.MalformedBody, "%s is no text", f.name)
		}
		if f.like != nil && !f.like.MatchString(*f.to) {
			return item, verifiers.Refuse(verifiers.MalformedBody, "%s is not of its form", f.name)
		}
	}
	single := item.pspReference
	if item.eventCode == "REPORT_AVAILABLE" { // a report is known by its name
		single = item.merchantReference
	}
	if strings.Contains(single, ":") {
		return item, verifiers.Refuse(verifiers.MalformedBody, "a reference has a colon in it where the signed text could be cut in two ways")
	}
	return item, nil
}

// Sign writes the signature into each item that has an empty one.
func (s adyenScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, adyenKey)
	if err != nil {
		return err
	}
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	count := int(gjson.GetBytes(r.Body, "notificationItems.#").Int())
	for i := range count {
		// A place for the signature, without which the item cannot be read.
		path := fmt.Sprintf("notificationItems.%d.NotificationRequestItem.additionalData.hmacSignature", i)
		if err := verifiers.Put(r, "json", path, "AA=="); err != nil {
			return err
		}
	}
	items, err := adyenItems(r.Body)
	if err != nil {
		return err
	}
	for i, item := range items {
		path := fmt.Sprintf("notificationItems.%d.NotificationRequestItem.additionalData.hmacSignature", i)
		if err := verifiers.Put(r, "json", path, toBase64(sumOf(sha256.New, keys[0], item.content()))); err != nil {
			return err
		}
	}
	return nil
}
