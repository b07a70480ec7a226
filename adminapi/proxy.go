package adminapi

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/hookwicket/hookwicket/internal/terminal"
)

// Proxy returns a handler that hands requests on to the admin endpoint. The request's
// path, which begins with [Prefix], and its query stay the same. Of the headers, only
// those that describe the body are handed on, in both directions. A stream is flushed
// as it arrives, and ends with the request's context.
func (c *Client) Proxy() http.Handler {
	base, _ := url.Parse(strings.TrimSuffix(c.base, Prefix)) // made by NewClient
	return &httputil.ReverseProxy{
		Transport:     c.http.Transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // a reader that goes away is no news
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = base.Scheme, base.Host, ""
			r.Out.Header = described(r.In.Header)
			r.Out.Header.Set("User-Agent", terminal.UserAgent)
			if c.origin != "" {
				r.Out.Header.Set("Origin", c.origin)
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			resp.Header = described(resp.Header)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_ = json.NewEncoder(w).Encode(Error{Error: c.unreachable(r.Context(), err).Error()})
		},
	}
}

// described copies the headers that describe a body.
func described(h http.Header) http.Header {
	some := make(http.Header)
	for _, name := range []string{"Content-Type", "Content-Length"} {
		if v := h.Get(name); v != "" {
			some.Set(name, v)
		}
	}
	return some
}
