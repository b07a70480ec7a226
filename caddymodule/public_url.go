package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// settlePublicURL checks the URL that the provider calls.
func (h *Handler) settlePublicURL() error {
	if h.PublicURL == "" {
		return nil
	}
	s, err := resolve(h.PublicURL)
	if err != nil {
		return fmt.Errorf("public_url: %w", err)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return fmt.Errorf("public_url %q is not a URL such as https://hooks.example.com/square", s)
	}
	h.PublicURL, h.publicURL = s, u
	return nil
}

// calledURL is the URL that the sender called, for providers that sign it.
func (h *Handler) calledURL(r *http.Request) string {
	if h.publicURL != nil {
		uri := originalURI(r)
		if h.publicURL.Path == "" && h.publicURL.RawQuery == "" {
			return h.PublicURL + uri
		}
		if _, query, ok := strings.Cut(uri, "?"); ok && h.publicURL.RawQuery == "" {
			return h.PublicURL + "?" + query
		}
		return h.PublicURL
	}
	return receivedURL(r)
}

// receivedURL is the URL under which a request arrived.
func receivedURL(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if v := strings.ToLower(firstOf(r.Header, "X-Forwarded-Proto")); v == "http" || v == "https" {
			scheme = v
		}
		if v := firstOf(r.Header, "X-Forwarded-Host"); v != "" {
			host = v
		}
	}
	return scheme + "://" + host + originalURI(r)
}

// originalURI is the path and the query before any rewrite.
func originalURI(r *http.Request) string {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		original = *r
	}
	if !strings.HasPrefix(original.RequestURI, "/") && original.URL != nil { // as in a request to a proxy: with scheme and host
		return original.URL.RequestURI()
	}
	return original.RequestURI
}

// firstOf is the first item of a header that is a list. Each proxy appends its own, so
// the first one is nearest to the sender.
func firstOf(h http.Header, name string) string {
	first, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(first)
}
