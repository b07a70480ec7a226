package caddymodule

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// causes are what may have led to a refusal. That another provider's request is
// verified is better known by its name than by where that one puts what.
func (c *command) causes(h *Handler, r *verifiers.Request, refused error) []string {
	wrong := verifiers.ReasonOf(refused)
	about := wrong == verifiers.WrongSignature || wrong == verifiers.MissingSignature || wrong == verifiers.MalformedSignature
	if wrong == verifiers.MissingSignature && len(h.row.Docs) > 0 {
		if cause := c.otherProvider(r); cause != "" {
			return []string{cause}
		}
	}
	causes := verifiers.Explain(h.row.Scheme, c.secrets, r, refused)
	if len(causes) > 0 || !about {
		return causes
	}
	if cause := c.otherURL(h, r); cause != "" {
		return []string{cause}
	}
	if cause := c.otherProvider(r); cause != "" {
		return []string{cause}
	}
	if wrong == verifiers.WrongSignature && len(c.secrets) > 0 {
		return []string{"None of the common causes explains it. Either the request was changed on its way, or the secret is another endpoint's: " +
			"test mode, live mode and each webhook usually have their own. The gateway needs " + secretOf(h.row) + "."}
	}
	return nil
}

// otherURL tries the URL of the request itself, where the command was given
// another one.
func (c *command) otherURL(h *Handler, r *verifiers.Request) string {
	given, err := url.Parse(r.URL)
	received, err2 := url.Parse(c.wire)
	if errors.Join(err, err2) != nil || r.URL == c.wire {
		return ""
	}
	try := *r
	try.URL = c.wire
	if _, err := h.guest.verifier.Verify(context.Background(), &try); err == nil {
		return "It verifies with the URL of the request itself, " + c.wire + ". --url and public_url have to be what the provider calls."
	}
	received.Scheme, received.Host = given.Scheme, given.Host
	try.URL = received.String()
	if _, err := h.guest.verifier.Verify(context.Background(), &try); err == nil {
		return "It verifies with the path of the request itself, " + received.RequestURI() + ", in the URL. Is the path of public_url right?"
	}
	return ""
}

// otherProvider looks for providers whose request it is, by the secrets that
// were given.
func (c *command) otherProvider(r *verifiers.Request) string {
	var names []string
	for _, row := range providers.All() {
		p := &Provider{row: row}
		_, fetches := row.Scheme.(verifiers.Fetching) // an explanation is not worth asking anybody
		if row.Name == c.provider.row.Name || len(c.secrets) == 0 || fetches && row.Secret.Optional ||
			p.settle(nil, len(c.secrets)) != nil || p.join(c.secrets...) != nil {
			continue
		}
		if _, err := p.Verify(context.Background(), r); err == nil {
			names = append(names, row.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "It verifies as a request of " + strings.Join(names, ", ") + ". Is it the right provider?"
}
