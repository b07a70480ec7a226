package verifiers

import (
	"slices"
	"strings"
)

// queryOf returns the text after the URL's question mark.
func queryOf(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	_, query, _ := strings.Cut(rawURL, "?")
	return query
}

// pathOf returns the URL's path in its original spelling.
func pathOf(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	rawURL, _, _ = strings.Cut(rawURL, "?")
	if _, rest, ok := strings.Cut(rawURL, "://"); ok {
		rawURL = strings.TrimLeftFunc(rest, func(c rune) bool { return c != '/' })
		if rawURL == "" {
			return "/"
		}
	}
	return rawURL
}

// baseOf returns the URL without its query.
func baseOf(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "#")
	rawURL, _, _ = strings.Cut(rawURL, "?")
	return rawURL
}

// hostOf returns the URL's host, and its port if it names one.
func hostOf(rawURL string) string {
	_, rest, ok := strings.Cut(baseOf(rawURL), "://")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

// sortedQuery returns the query's parameters sorted by their names, each in its
// original spelling.
func (in *reading) sortedQuery() (string, bool) {
	query := queryOf(in.r.URL)
	if query == "" {
		return "", true
	}
	if strings.Count(query, "&") >= MaxFields {
		in.fail(refuse(MalformedSignature, "the URL's query has more than %d parameters", MaxFields))
		return "", false
	}
	pairs := strings.Split(query, "&")
	slices.SortStableFunc(pairs, func(a, b string) int {
		a, _, _ = strings.Cut(a, "=")
		b, _, _ = strings.Cut(b, "=")
		return strings.Compare(a, b)
	})
	return strings.Join(pairs, "&"), true
}

// twelveDecoded decodes the escapes that HubSpot's version 3 has decoded, and no
// others: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
var twelveDecoded = func() *strings.Replacer {
	var pairs []string
	for escape, char := range map[string]string{
		"%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")", "%2A": "*",
		"%2C": ",", "%2F": "/", "%3A": ":", "%3B": ";", "%3F": "?", "%40": "@",
	} {
		pairs = append(pairs, escape, char)
		if low := strings.ToLower(escape); low != escape {
			pairs = append(pairs, low, char)
		}
	}
	return strings.NewReplacer(pairs...)
}()
