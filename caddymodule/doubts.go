package caddymodule

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/hookwicket/hookwicket/verifiers"
)

// headerToken is a header's name in a template.
var headerToken = regexp.MustCompile(`\{header:([^{}"]+)\}`)

// warnOfScheme warns of settings of a scheme that are allowed but seldom meant.
func (h *Handler) warnOfScheme() {
	endpoint := zap.String("endpoint", h.Name)
	if names := underscored(h.row.Scheme); len(names) > 0 {
		h.logger.Warn("many proxies remove headers with `_` in their names, such as nginx without `underscores_in_headers on`; "+
			"if one is before Caddy, requests will lack theirs", endpoint, zap.Strings("headers", names))
	}
	if len(h.row.Docs) == 0 && !verifiers.DescriptionOf(h.row.Scheme).Body { // the catalogue's rows say it themselves
		h.logger.Warn("the signature does not cover the body: whoever has seen one request can send any body with it; "+
			"if the sender signs the body, add {body} to `signed`", endpoint)
	}
	if h.provider == nil || h.row.Secret.Prefix == "" {
		return
	}
	for i, secret := range h.provider.secrets {
		if !strings.HasPrefix(secret, h.row.Secret.Prefix) && !isPEM(secret) {
			h.logger.Warn("the secret does not start with "+h.row.Secret.Prefix+", as those of this provider do; "+
				"it has to be "+h.row.SecretName(), endpoint, zap.Int("secret", i+1))
		}
	}
}

// underscored returns the headers of a scheme that have an underscore.
func underscored(scheme verifiers.Scheme) (names []string) {
	note := func(name string) {
		if strings.Contains(name, "_") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, p := range verifiers.CredentialsOf(scheme) {
		if p.From == "header" {
			note(p.Name)
		}
	}
	if text, err := json.Marshal(scheme); err == nil {
		for _, found := range headerToken.FindAllStringSubmatch(string(text), -1) {
			note(found[1])
		}
	}
	return names
}
