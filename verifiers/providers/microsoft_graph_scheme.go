package providers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

const (
	graphKeys = "https://login.microsoftonline.com/common/discovery/v2.0/keys"

	// graphPublisher is the application that Microsoft's tokens are issued to.
	graphPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086"

	maxNotifications = 1000
	maxGraphTokens   = 20
)

// graphScheme wants the clientState in every notification of a batch, and the
// tokens beside them to be Microsoft's.
type graphScheme struct {
	verifiers.Facts

	source verifiers.KeySource
}

var (
	_ verifiers.Fetching   = graphScheme{}
	_ verifiers.Signer     = graphScheme{}
	_ verifiers.Identified = graphScheme{}
)

// Identified reports that requests have an event ID: it is made of those of the
// notifications.
func (graphScheme) Identified() bool { return true }

// WithKeySource returns a copy of the scheme that fetches keys from source.
func (s graphScheme) WithKeySource(source verifiers.KeySource) verifiers.Scheme {
	s.source = source
	return s
}

type graphVerifier struct {
	states [][]byte           // their digests
	tokens verifiers.Verifier // nil: they are not looked at
	facts  *verifiers.FactReader
}

// Verifier makes the scheme's verifier.
func (s graphScheme) Verifier(secrets ...string) (verifiers.Verifier, error) {
	v := &graphVerifier{}
	var err error
	if v.states, err = verifiers.SecretKeys(secrets, func(secret string) ([]byte, error) {
		sum := sha256.Sum256([]byte(secret))
		return sum[:], nil
	}); err != nil {
		return nil, err
	}
	if v.facts, err = s.Reader(verifiers.Covered{Body: true, URL: true}); err != nil || s.Options["app_id"] == "" {
		return v, err
	}
	v.tokens, err = s.token().WithKeySource(s.source).Verifier()
	return v, err
}

// token describes one of validationTokens, as if it were a request's. Its event's
// type is the application that the token was issued to.
func (s graphScheme) token() verifiers.JWT {
	return verifiers.JWT{
		From:       "bearer",
		Algorithms: []string{"RS256"},
		Keys:       verifiers.Keys{URL: graphKeys},
		Facts: verifiers.Facts{
			EventType: []string{"{claim:azp}", "{claim:appid}"}, // of tokens of version 2 and 1
			Require: []verifiers.Condition{
				{Of: "{claim:iss}", Like: `https://(?:login\.microsoftonline\.com/` + uuidForm + `/v2\.0|sts\.windows\.net/` + uuidForm + `/)`},
				{Of: "{claim:exp}"},
			},
			Addressee: []verifiers.Condition{
				{Of: "{claim:aud}", Is: []string{"{option:app_id}"}},
				{Of: "{claim:tid}", Is: []string{"{option:tenant_id}"}},
			},
			Options: s.Options,
		},
	}
}

// Verify checks a request.
func (v *graphVerifier) Verify(ctx context.Context, r *verifiers.Request) (ev verifiers.Event, err error) {
	if !verifiers.ValidJSON(r.Body) {
		return ev, verifiers.Refuse(verifiers.MalformedBody, "it is not JSON")
	}
	found, err := members(gjson.ParseBytes(r.Body), "value", "validationTokens")
	if err != nil {
		return ev, err
	}
	if !found["value"].IsArray() {
		return ev, verifiers.Refuse(verifiers.MissingSignature, "no list of notifications, each with a clientState")
	}
	notifications, ok := itemsOf(found["value"], maxNotifications)
	if len(notifications) == 0 || !ok {
		return ev, verifiers.Refuse(verifiers.MissingSignature, "no notifications, or too many")
	}
	for _, n := range notifications {
		if err := v.known(n); err != nil {
			return ev, err
		}
	}
	ev.Content = r.Body
	if v.tokens != nil {
		if err := v.checkTokens(ctx, found["validationTokens"], &ev); err != nil {
			return verifiers.Event{}, err
		}
	}
	if ev, err = told(v.facts, r, ev); err != nil {
		return ev, err
	}
	ev.ID, ev.Type = graphIdentity(notifications)
	ev.Signed.ID, ev.Signed.Type = ev.ID != "", ev.Type != ""
	return ev, nil
}

// itemsOf returns the items of an array, and whether there are no more than most.
func itemsOf(array gjson.Result, most int) (items []gjson.Result, ok bool) {
	verifiers.Members(array.Raw, func(_, value string) bool {
		if len(items) == most {
			most = -1
			return false
		}
		items = append(items, gjson.Parse(value))
		return true
	})
	return items, most >= 0
}

// known reports whether a notification has a clientState of the endpoint's.
func (v *graphVerifier) known(notification gjson.Result) error {
	found, err := members(notification, "clientState")
	if err != nil {
		return err
	}
	state := found["clientState"]
	if state.Type != gjson.String || state.Str == "" {
		return verifiers.Refuse(verifiers.MissingSignature, "a notification without a clientState")
	}
	sum, equal := sha256.Sum256([]byte(verifiers.JSONText(state))), 0
	for _, want := range v.states {
		equal |= subtle.ConstantTimeCompare(sum[:], want)
	}
	if equal != 1 {
		return verifiers.Refuse(verifiers.WrongSignature, "the clientState of a notification is none of the endpoint's")
	}
	return nil
}

// checkTokens wants every token to be Microsoft's and for the endpoint's app. The
// event lives no longer than any of them.
func (v *graphVerifier) checkTokens(ctx context.Context, tokens gjson.Result, ev *verifiers.Event) error {
	if tokens.Type == gjson.Null {
		return nil // notifications without resource data have none
	}
	all, ok := itemsOf(tokens, maxGraphTokens)
	if !tokens.IsArray() || !ok {
		return verifiers.Refuse(verifiers.MalformedSignature, "validationTokens is not a list, or too long a one")
	}
	for _, token := range all {
		carrier := &verifiers.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {"Bearer " + token.Str}}, Body: []byte("{}")}
		told, err := v.tokens.Verify(ctx, carrier)
		if err != nil {
			return err
		}
		if told.Type != graphPublisher {
			return verifiers.Refuse(verifiers.WrongSignature, "a token that Microsoft Graph was not given")
		}
		if ev.Expires.IsZero() || told.Expires.Before(ev.Expires) {
			ev.Expires = told.Expires
		}
		if told.NotBefore.After(ev.NotBefore) {
			ev.NotBefore = told.NotBefore
		}
	}
	return nil
}

// graphIdentity returns an ID that stands for the IDs of all notifications, or none
// where one has none, and the type that all of them have.
func graphIdentity(notifications []gjson.Result) (id, kind string) {
	whole, ids := true, sha256.New()
	for i, n := range notifications {
		one := verifiers.JSONText(n.Get("id"))
		whole = whole && one != ""
		fmt.Fprintf(ids, "%d %s\n", len(one), one)
		of := n.Get("changeType").Str
		if of == "" {
			of = n.Get("lifecycleEvent").Str
		}
		if i == 0 {
			id, kind = one, of
		} else if kind != of {
			kind = ""
		}
	}
	switch {
	case !whole || len(id) > 1024:
		id = ""
	case len(notifications) > 1:
		id = toHex(ids.Sum(nil))
	}
	if len(kind) > 1024 {
		kind = ""
	}
	return strings.Clone(id), strings.Clone(kind)
}

// Sign writes the clientState into every notification that has room for one, which
// is an empty string.
func (s graphScheme) Sign(r *verifiers.Request, secret string, now time.Time, id string) error {
	if err := s.Write(r, now, id); err != nil {
		return err
	}
	n := len(gjson.GetBytes(r.Body, "value").Array())
	if n == 0 {
		return errors.New("the body has no list of notifications at value")
	}
	for i := range n {
		if err := verifiers.Put(r, "json", fmt.Sprintf("value.%d.clientState", i), secret); err != nil {
			return err
		}
	}
	return nil
}
