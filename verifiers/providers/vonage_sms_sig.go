package providers

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

func init() { register(vonageSMSSig) }

func vonageSMSSig() verifiers.Provider {
	return verifiers.Provider{
		Name:  "vonage-sms-sig",
		Title: "Vonage SMS (signed with sig)",
		Docs: []string{
			"https://developer.vonage.com/en/getting-started/concepts/signing-messages",
			"https://github.com/Vonage/vonage-node-sdk/blob/3.x/packages/sms/lib/sms.ts",
		},
		Why: "The fields are signed: of the query, of a form or of a JSON object, as the account is set. The hash is a " +
			"setting of the account and never taken from the request. Many accounts have the MD5 hash, which is no HMAC. Anybody who " +
			"may write the text of a message can look for two with the same hash. Change the account to SHA-256.",
		Confirmed: true,
		Scheme: vonageScheme{Facts: verifiers.Facts{
			EventID: []string{
				"{form:messageId}:{form:status}", "{query:messageId}:{query:status}", "{json:messageId}:{json:status}",
				"{form:messageId}", "{query:messageId}", "{json:messageId}",
			},
			EventType: []string{"{form:status}", "{query:status}", "{json:status}", "{form:type}", "{query:type}", "{json:type}"},
		}},
		Secret: verifiers.SecretInfo{
			Name:  "signature secret",
			Where: "API settings of the dashboard",
		},
		Options: []verifiers.Option{{
			Name: "algorithm",
			What: "the signature method that the dashboard's API settings show: sha256 (the default), sha512, sha1 or md5 " +
				"for the HMACs, md5hash for the MD5 hash",
			Pattern: "sha256|sha512|sha1|md5|md5hash",
			Example: "sha256",
		}},
		Methods: []string{"GET", "POST"},
		Freshness: verifiers.Freshness{
			Why: "Vonage does not document whether the time in a signed request is that of the attempt.",
		},
		Dedupe: verifiers.Dedupe{
			By:           verifiers.ByID,
			Window:       week,
			UniqueBodies: true,
			Why:          "The message's ID is signed, and so is the status of a receipt, of which a message may have several.",
		},
		Confidential: []verifiers.Place{{From: "query", Name: "sig"}, {From: "form", Name: "sig"}, {From: "json", Name: "sig"}},
		Sample: verifiers.Sample{
			IDPrefix: "0A00000001",
			Type:     "application/x-www-form-urlencoded",
			Body:     "msisdn=447700900001&to=447700900000&messageId={id}&text=Hello&type=text&keyword=HELLO&message-timestamp=2026-01-01+12%3A00%3A00",
		},
	}
}

// vonageScheme signs the fields, sorted by name, with some characters of the values
// replaced.
type vonageScheme struct {
	verifiers.Facts
}

var (
	_ verifiers.Scheme = vonageScheme{}
	_ verifiers.Signer = vonageScheme{}
)

// sum returns the function that makes a signature.
func (s vonageScheme) sum() (func(key []byte, content string) []byte, error) {
	var new func() hash.Hash
	switch name := s.Options["algorithm"]; name {
	case "", "sha256":
		new = sha256.New
	case "sha512":
		new = sha512.New
	case "sha1":
		new = sha1.New
	case "md5":
		new = md5.New
	case "md5hash":
		return func(key []byte, content string) []byte {
			sum := md5.Sum(append([]byte(content), key...))
			return sum[:]
		}, nil
	default:
		return nil, fmt.Errorf("algorithm: unknown %q: want sha256, sha512, sha1, md5 or md5hash", name)
	}
	return func(key []byte, content string) []byte { return sumOf(new, key, content) }, nil
}

// Verifier makes the scheme's verifier.
func (s vonageScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	keys, err := verifiers.SecretKeys(secrets, asText)
	if err != nil {
		return nil, err
	}
	sum, err := s.sum()
	if err != nil {
		return nil, err
	}
	readers := map[string]*verifiers.FactReader{}
	for place, covered := range map[string]verifiers.Covered{
		"query": {Query: true}, "form": {Form: true}, "json": {JSON: true},
	} {
		facts := s.Facts
		facts.EventID, facts.EventType = onlyIn(place, facts.EventID), onlyIn(place, facts.EventType)
		if readers[place], err = facts.Reader(covered); err != nil {
			return nil, err
		}
	}
	return verifierFunc(func(r *verifiers.Request) (verifiers.Event, error) {
		fields, place, err := vonageFields(r)
		if err != nil {
			return verifiers.Event{}, err
		}
		text, err := only(fields, "sig")
		if err != nil {
			return verifiers.Event{}, err
		}
		signature, err := decoded("hex", text)
		if err != nil {
			return verifiers.Event{}, err
		}
		content := vonageContent(fields)
		if !slices.ContainsFunc(keys, func(key []byte) bool { return hmac.Equal(signature, sum(key, content)) }) {
			return verifiers.Event{}, wrongSignature()
		}
		ev, err := told(readers[place], r, verifiers.Event{Content: []byte(content)})
		if strings.ContainsAny(ev.ID, "_&=") {
			ev.Signed.ID = false // a replaced character looks like its replacement
		}
		return ev, err
	}), nil
}

// onlyIn drops the templates that look into the two other places, of which nothing
// is signed.
func onlyIn(place string, templates []string) []string {
	return slices.DeleteFunc(slices.Clone(templates), func(t string) bool {
		for _, other := range []string{"query", "form", "json"} {
			if other != place && strings.Contains(t, "{"+other+":") {
				return true
			}
		}
		return false
	})
}

// vonageFields returns the fields of a request, and where they stand.
func vonageFields(r *verifiers.Request) (fields []verifiers.Pair, place string, err error) {
	switch {
	case len(r.Body) == 0:
		fields, err = verifiers.QueryOf(r.URL)
		place = "query"
	case verifiers.ValidJSON(r.Body):
		if err := grow(r, 3*len(r.Body)); err != nil {
			return nil, "", err
		}
		fields, err = vonageJSON(r.Body)
		place = "json"
	default:
		fields, err = verifiers.FormOf(r)
		place = "form"
	}
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(fields, func(a, b verifiers.Pair) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(fields); i++ {
		if fields[i].Name == fields[i-1].Name {
			return nil, "", verifiers.Refuse(verifiers.MalformedBody, "a field is there more than once")
		}
	}
	return fields, place, nil
}

// vonageJSON returns the members of an object, which Vonage signs if they are text.
func vonageJSON(body []byte) (fields []verifiers.Pair, err error) {
	whole, object := true, string(body)
	verifiers.Members(object, func(quoted, value string) bool {
		whole = quoted != "" && value[0] == '"' && len(fields) < verifiers.MaxFields
		if whole {
			fields = append(fields, verifiers.Pair{Name: verifiers.JSONText(gjson.Parse(quoted)), Value: verifiers.JSONText(gjson.Parse(value))})
		}
		return whole
	})
	if !whole || !gjson.Parse(object).IsObject() {
		return nil, verifiers.Refuse(verifiers.MalformedBody, "it is not an object of strings, or has more than %d", verifiers.MaxFields)
	}
	return fields, nil
}

var vonageReplacer = strings.NewReplacer("&", "_", "=", "_")

func vonageContent(fields []verifiers.Pair) string {
	var content strings.Builder
	for _, f := range fields {
		if f.Name != "sig" {
			content.WriteString("&" + f.Name + "=" + vonageReplacer.Replace(f.Value))
		}
	}
	return content.String()
}

// Sign adds the signature to where the fields are.
func (s vonageScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	keys, err := verifiers.SecretKeys([]string{secret}, asText)
	if err != nil {
		return err
	}
	sum, err := s.sum()
	if err != nil {
		return err
	}
	fields, place, err := vonageFields(r)
	if err != nil {
		return err
	}
	return verifiers.Put(r, place, "sig", toHex(sum(keys[0], vonageContent(fields))))
}
