package caddymodule

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/hookwicket/hookwicket/verifiers"
)

// probeMethods are those that can be told from an event by the method alone.
var probeMethods = []string{http.MethodHead, http.MethodGet, http.MethodOptions}

// probes makes handshakes of the methods with which a sender asks whether the URL
// is there. The answer is 200 with an empty body, whatever the request contains.
// It is neither verified nor forwarded, and repeats nothing of the request.
func (p *Provider) probes() (all []verifiers.Handshake, err error) {
	events := p.row.Methods
	if events == nil {
		events = []string{http.MethodPost}
	}
	for _, method := range p.Probe {
		switch {
		case !slices.Contains(probeMethods, method):
			return nil, fmt.Errorf("probe %q: an unsigned request can be answered for %s only", method, enumerate(probeMethods))
		case slices.Contains(events, method):
			return nil, fmt.Errorf("probe %s: this provider sends events with %s, and they have to be verified", method, method)
		}
		all = append(all, verifiers.Handshake{Name: "probe", Method: method})
	}
	return all, nil
}
