package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
)

// SignAnew returns a function that signs received requests of a provider once more, as
// the provider does, with a secret of the caller's and the time of the call. The secret
// may have placeholders. The function changes the request's headers and query; it returns
// the body, which some signatures are part of.
func SignAnew(provider, secret string) (func(r *http.Request, body []byte, now time.Time) ([]byte, error), error) {
	p, ok := registeredProvider(provider)
	if !ok {
		return nil, unknownProvider(provider)
	}
	secrets, err := secretFlags([]string{secret})
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(secrets[0]) == "" {
		return nil, errors.New("the secret is empty")
	}
	if err := p.settle(nil, 1); err != nil {
		return nil, fmt.Errorf("%w; such requests cannot be signed anew, because that takes the lines of the endpoint", err)
	}
	signer, ok := p.row.Scheme.(verifiers.Signer)
	if !ok {
		return nil, fmt.Errorf("requests of %s cannot be signed here: only %s has the key", provider, p.row.Title)
	}
	trial := p.row.Sample.Request("http://localhost/", time.Unix(0, 0), "1")
	trial.Method = methodOf(p.row, len(trial.Body))
	if err := signer.Sign(trial, secrets[0], time.Unix(0, 0), "1"); err != nil { // a wrong secret, or a scheme that only the endpoint describes
		return nil, fmt.Errorf("signing as %s: %w%s", provider, err, p.secretHint(err))
	}
	places := verifiers.CredentialsOf(p.row.Scheme)
	return func(r *http.Request, body []byte, now time.Time) ([]byte, error) {
		for _, place := range places {
			switch place.From { // a header and a member of a JSON document are replaced
			case "query":
				r.URL.RawQuery = withoutField(r.URL.RawQuery, place.Name)
			case "form":
				body = []byte(withoutField(string(body), place.Name))
			}
		}
		signed := verifiers.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: slices.Clone(body)}
		if err := signer.Sign(&signed, secrets[0], now, p.row.Sample.NewID()); err != nil {
			return nil, fmt.Errorf("signing as %s: %w%s", provider, err, p.secretHint(err))
		}
		u, err := url.Parse(signed.URL)
		if err != nil {
			return nil, err
		}
		r.URL, r.Header = u, signed.Header
		return signed.Body, nil
	}, nil
}

// withoutField removes a field from a query or a form and leaves the spelling of the rest
// alone.
func withoutField(s, name string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(s, "&"), func(field string) bool {
		written, _, _ := strings.Cut(field, "=")
		plain, err := url.QueryUnescape(written)
		return err == nil && plain == name
	}), "&")
}
