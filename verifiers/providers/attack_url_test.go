package providers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// otherURLs are spellings of a URL that servers, proxies or routers take for the
// same as u, or for something near it.
func otherURLs(u string) map[string]string {
	rest := strings.TrimPrefix(u, "https://")
	host, path, _ := strings.Cut(rest, "/")
	path, query, hasQuery := strings.Cut("/"+path, "?")
	base := "https://" + host
	after := ""
	if hasQuery {
		after = "?" + query
	}
	all := map[string]string{
		"another scheme":        "http://" + rest,
		"an upper-case scheme":  "HTTPS://" + rest,
		"an upper-case host":    "https://" + strings.ToUpper(host) + path + after,
		"another host":          "https://attacker.example" + path + after,
		"a host before":         "https://attacker.example/" + rest,
		"userinfo":              "https://attacker@" + rest,
		"a dot after the host":  base + "." + path + after,
		"another port":          base + ":8443" + path + after,
		"no scheme":             rest,
		"only the path":         path + after,
		"a fragment":            u + "#fragment",
		"a slash after it":      base + path + "/" + after,
		"two slashes":           base + "/" + path + after,
		"a dot segment":         base + "/." + path + after,
		"a segment and back":    base + "/x/.." + path + after,
		"path parameters":       base + path + ";x=y" + after,
		"an escaped letter":     base + path[:1] + "%" + hexOf(path[len(path)-1:]) + after,
		"a null byte":           base + path + "%00" + after,
		"a newline":             base + path + "\n" + after,
		"space":                 u + " ",
		"another path":          base + path + "x" + after,
		"an upper-case path":    base + strings.ToUpper(path) + "X" + after,
		"in Unicode":            base + path + "é" + after,
		"another query":         base + path + "?" + query + "&x=y",
		"a parameter before":    base + path + "?x=y&" + query,
		"a doubled parameter":   base + path + "?" + query + "&" + query,
		"two question marks":    base + path + "??" + query,
		"nothing of the query":  base + path,
		"an empty parameter":    base + path + after + "&",
		"a semicolon":           base + path + "?" + query + ";x=y",
		"an escaped query":      base + path + "%3F" + query,
		"another URL":           "https://attacker.example/in",
		"nothing":               "",
		"the URL twice":         u + u,
		"a backslash":           base + "\\" + strings.TrimPrefix(path, "/") + after,
		"an empty query":        base + path + "?" + query + strings.Repeat("?", 1-len(after)/max(len(after), 1)),
		"escapes in lower case": strings.NewReplacer("%2F", "%2f", "%3A", "%3a", "%C3", "%c3", "%BC", "%bc").Replace(u),
		"pluses for spaces":     strings.ReplaceAll(u, "%20", "+"),
		"spaces for pluses":     strings.ReplaceAll(u, "+", "%20"),
		"escaped pluses":        strings.ReplaceAll(u, "+", "%2B"),
		"decoded":               strings.NewReplacer("%20", " ", "%C3%BC", "ü", "%25", "%", "%26", "&").Replace(u),
	}
	if names := strings.Split(query, "&"); len(names) > 1 {
		all["the parameters backwards"] = base + path + "?" + strings.Join(append(names[1:], names[0]), "&")
	}
	return all
}

func hexOf(s string) string {
	const digits = "0123456789ABCDEF"
	return string(digits[s[0]>>4]) + string(digits[s[0]&15])
}

// urlExceptions are other spellings that a scheme takes, since its provider's
// own libraries do.
var urlExceptions = map[string][]string{
	// With its standard port or without, and its query as Node would write it:
	// https://github.com/twilio/twilio-node/blob/main/src/webhooks/webhooks.ts
	"twilio": {"another port", "an empty parameter", "pluses for spaces", "spaces for pluses", "escapes in lower case"},
	// Twelve escapes are decoded, in either case, and that of the question mark is
	// one of them: the query can become part of the path, which is another endpoint's.
	"hubspot-v3": {"escapes in lower case", "an escaped query"},
}

// TestAttackURL sends a request to other spellings of the URL that its signature
// covers: it is for one endpoint, and not for its neighbour.
func TestAttackURL(t *testing.T) {
	tried := map[string]bool{}
	attack(t, false, func(t *testing.T, v *vector, ev verifiers.Event) {
		if !ev.Signed.URL || v.provider.Name == "microsoft-graph" {
			return // which is vouched for by a token
		}
		tried[v.provider.Name] = true
		for what, other := range otherURLs(v.request.URL) {
			if other == v.request.URL {
				continue
			}
			if _, ok := v.tries(t, func(r *verifiers.Request) { r.URL = other }); ok && !slices.Contains(urlExceptions[v.provider.Name], what) {
				t.Errorf("accepted with %s: %q", what, other)
			}
		}
	})
	for _, slug := range []string{"square", "hubspot-v2", "hubspot-v3", "trello", "rapyd", "bird-jwt"} {
		if !tried[slug] {
			t.Errorf("%s does not sign its URL, or has no vector", slug)
		}
	}
}
