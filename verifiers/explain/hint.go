package explain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookwicket/hookwicket/verifiers"
)

// unexplained says that nothing explains the refusal. A hint that is no proof stands
// behind it.
func (x *explainer) unexplained() {
	if x.leftOut || x.canceled() {
		x.say("No cause was found, and not everything was tried: the limit on the work for one request was reached.")
		return
	}
	switch verifiers.ReasonOf(x.err) {
	case verifiers.WrongSignature:
	case verifiers.MissingSignature, verifiers.MalformedSignature:
		x.say("None of the common causes explains it. " + sentence(verifiers.DetailOf(x.err)) + " It may be no request of " + x.title() + " at all.")
		return
	default:
		x.say("None of the common causes explains it. " + sentence(verifiers.DetailOf(x.err)))
		return
	}
	text := "None of the common causes explains it. "
	if hint := x.hint(); hint != "" {
		x.say(text + hint)
		return
	}
	if len(x.Secrets) == 0 {
		x.say(text + "None of the provider's keys made the signature: the request was changed on its way, or it is forged.")
		return
	}
	x.say(text + "Either the request was changed on its way or forged, or the secret is not the one of this webhook: " +
		"test mode, live mode and each webhook usually have their own. The gateway needs " + x.Row.SecretName() + ".")
}

// sentence makes a sentence of an error's text.
func sentence(detail string) string {
	if detail == "" {
		return ""
	}
	return strings.ToUpper(detail[:1]) + detail[1:] + "."
}

// hint returns a likely cause that cannot be proved.
func (x *explainer) hint() string {
	need := " The gateway needs " + x.Row.SecretName() + "."
	for _, secret := range x.Secrets {
		if hint := x.foreignSecret(secret); hint != "" {
			return hint + need
		}
	}
	mode := modeOf(x.r.Body)
	if len(x.Secrets) == 0 || mode.name == "" {
		return ""
	}
	event, other := "live", "test"
	if mode.test {
		event, other = "test", "live"
	}
	return "The event says that it is of " + event + " mode (" + mode.name + "), and test mode and live mode have a secret each: " +
		"is the endpoint's secret the one of " + other + " mode?" + need
}

// foreignSecret says that a secret does not look like one of the provider.
func (x *explainer) foreignSecret(secret string) string {
	if !x.about.Shared {
		return ""
	}
	prefix := x.Row.Secret.Prefix
	if prefix != "" && !strings.HasPrefix(secret, prefix) {
		hint := "A secret of " + x.Row.Title + " begins with " + prefix + ", and the endpoint's does not: it is another value."
		if kind := kindOf(secret); kind != "" {
			hint = "The endpoint's secret looks like " + kind + ", and a secret of " + x.Row.Title + " begins with " + prefix + "."
		}
		return hint
	}
	ours := slices.ContainsFunc(fieldOf[verifiers.SecretFormat](x.scheme, "Secret").Prefixes, func(p string) bool { return strings.HasPrefix(secret, p) })
	if kind := kindOf(secret); prefix == "" && kind != "" && !ours && len(x.Row.Docs) > 0 {
		return "The endpoint's secret looks like " + kind + ". Is it the one of " + x.Row.Title + "?"
	}
	return ""
}

// kindOf recognises a secret that belongs elsewhere by its beginning.
func kindOf(secret string) string {
	for _, known := range []struct{ prefix, kind string }{
		{"whsec_", "a signing secret of Stripe or of Standard Webhooks"},
		{"sk_live_", "an API key"}, {"sk_test_", "an API key"}, {"rk_live_", "an API key"}, {"rk_test_", "an API key"},
		{"pk_live_", "a public API key"}, {"pk_test_", "a public API key"},
		{"ghp_", "a personal access token of GitHub"}, {"github_pat_", "a personal access token of GitHub"},
		{"glpat-", "a personal access token of GitLab"},
		{"xoxb-", "a bot token of Slack"}, {"xoxp-", "a user token of Slack"},
		{"shpat_", "an access token of Shopify"}, {"whsk_", "a private key of Standard Webhooks"}, {"whpk_", "a public key of Standard Webhooks"},
		{"pdl_ntfset_", "a secret of Paddle"}, {"wbhsec_", "a secret of Persona"},
		{"-----BEGIN", "a key in PEM"}, {"{", "a placeholder that was not replaced, or a key in JSON"},
	} {
		if strings.HasPrefix(secret, known.prefix) {
			return known.kind
		}
	}
	return ""
}

// mode is the statement of a body whether it is of test mode.
type mode struct {
	name string // as it stands there
	test bool
}

// testFlags are members that say true for test mode, and liveFlags for live mode.
var (
	testFlags = []string{"test", "test_mode", "testMode", "is_test", "isTest", "sandbox", "meta.test_mode", "data.test", "data.testMode", "data.devMode", "devMode"}
	liveFlags = []string{"livemode", "live_mode", "liveMode", "live", "data.livemode", "data.object.livemode", "data.live_mode", "is_live", "isLive"}
	modeNames = []string{"mode", "environment", "env", "data.mode", "data.environment"}
)

// modeOf finds out whether a body is of test mode.
func modeOf(body []byte) mode {
	if !verifiers.ValidJSON(body) {
		return mode{}
	}
	stated := func(path string, result gjson.Result) string {
		return strconv.Quote(path) + ": " + shorter(result.Raw)
	}
	for _, list := range []struct {
		paths []string
		test  bool
	}{{testFlags, true}, {liveFlags, false}} {
		for _, path := range list.paths {
			switch found := gjson.GetBytes(body, path); found.String() {
			case "true":
				return mode{stated(path, found), list.test}
			case "false":
				return mode{stated(path, found), !list.test}
			}
		}
	}
	for _, path := range modeNames {
		found := gjson.GetBytes(body, path)
		switch strings.ToLower(found.String()) {
		case "test", "sandbox", "testing":
			return mode{stated(path, found), true}
		case "live", "production", "prod":
			return mode{stated(path, found), false}
		}
	}
	return mode{}
}
