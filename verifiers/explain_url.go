package verifiers

import (
	"net/url"
	"strings"
)

// urls tries the other spellings under which a sender may know this endpoint.
func (x *explainer) urls() {
	if !signsURL(x.scheme) {
		return
	}
	u, err := url.Parse(x.r.URL)
	if err != nil || u.Host == "" {
		return
	}
	try := func(sentence string, change func(u *url.URL)) {
		changed := *u
		change(&changed)
		r := *x.r
		r.URL = changed.String()
		x.try(x.scheme, x.secrets, &r, "It verifies "+sentence+". Say so with public_url.")
	}
	other := map[string]string{"http": "https", "https": "http"}[u.Scheme]
	swap := func(u *url.URL) { u.Scheme = other }
	noPort := func(u *url.URL) { u.Host = hostOnly(u) }
	slash := func(u *url.URL) {
		if path, ok := strings.CutSuffix(u.Path, "/"); ok {
			u.Path = path
		} else {
			u.Path += "/"
		}
		u.RawPath = ""
	}
	query := func(u *url.URL) { u.RawQuery = "" }
	try("with the scheme "+other+" in the URL", swap)
	try("without a port in the URL", noPort)
	try("with the scheme "+other+" and without a port in the URL", func(u *url.URL) { swap(u); noPort(u) })
	try("with the port 443 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":443" })
	try("with the port 80 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":80" })
	try("with the slash at the end of the URL's path added or removed", slash)
	try("with the scheme "+other+" and the other spelling of the slash at the end", func(u *url.URL) { swap(u); slash(u) })
	try("without the query of the URL", query)
	try("with the scheme "+other+" and without the query of the URL", func(u *url.URL) { swap(u); query(u) })
	for path := u.EscapedPath(); ; {
		_, rest, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if !found {
			break
		}
		path = "/" + rest
		cut := func(u *url.URL) {
			u.RawPath = path
			u.Path, _ = url.PathUnescape(path)
		}
		try("with the path "+path+" alone in the URL", cut)
		try("with the path "+path+" alone and the scheme "+other+" in the URL", func(u *url.URL) { swap(u); cut(u) })
	}
}

// signsURL tells whether the URL may be a part of what a scheme signs; of a
// scheme that is no data nobody knows.
func signsURL(scheme Scheme) bool {
	content := ""
	switch s := scheme.(type) {
	case HMAC:
		content = s.Content
	case PublicKey:
		content = s.Content
	case JWT:
		return s.URLHash.Claim != "" || s.Detached != ""
	case Token:
		return false
	default:
		return true
	}
	for _, token := range []string{"{url", "{host}", "{path}", "{query"} {
		if strings.Contains(content, token) {
			return true
		}
	}
	return false
}

func hostOnly(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}
