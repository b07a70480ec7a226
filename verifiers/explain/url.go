package explain

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// Limits on the parts of a URL that are tried one by one.
const (
	maxSegments   = 8
	maxParameters = 8
	maxHosts      = 4
)

// urls tries the other spellings under which a sender may know this endpoint.
func (x *explainer) urls() {
	u, err := url.Parse(x.r.URL)
	if err != nil || u.Host == "" || !x.about.URL {
		return
	}
	t := urlTries{x, u}
	other := map[string]string{"http": "https", "https": "http"}[u.Scheme]
	swap := func(u *url.URL) { u.Scheme = other }
	noPort := func(u *url.URL) { u.Host = hostOnly(u) }
	query := func(u *url.URL) { u.RawQuery = "" }
	t.try("with the scheme "+other+" in the URL", swap)
	t.try("without a port in the URL", noPort)
	t.try("with the scheme "+other+" and without a port in the URL", func(u *url.URL) { swap(u); noPort(u) })
	t.try("with the port 443 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":443" })
	t.try("with the port 80 in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":80" })
	t.try("with the slash at the end of the URL's path added or removed", slash)
	t.try("with the scheme "+other+" and the other spelling of the slash at the end", func(u *url.URL) { swap(u); slash(u) })
	t.hosts(swap)
	t.paths(other, swap)
	t.queries()
	t.try("without the query of the URL", query)
	t.try("with the scheme "+other+" and without the query of the URL", func(u *url.URL) { swap(u); query(u) })
}

// urlTries tries changes of a URL.
type urlTries struct {
	*explainer
	u *url.URL
}

func (t urlTries) try(sentence string, change func(u *url.URL)) {
	u := *t.u
	change(&u)
	t.exact(sentence, u.String())
}

// exact tries a URL in this very spelling.
func (t urlTries) exact(sentence, to string) {
	if to != t.r.URL {
		t.tryRequest("It verifies "+sentence+". Say so with public_url.", func(r *verifiers.Request) { r.URL = to })
	}
}

func slash(u *url.URL) {
	if path, ok := strings.CutSuffix(u.Path, "/"); ok {
		u.Path = path
	} else {
		u.Path += "/"
	}
	u.RawPath = ""
}

// hosts tries the hosts that a proxy noted, and the one of the URL with and without www.
func (t urlTries) hosts(swap func(*url.URL)) {
	var names []string
	for _, name := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Forwarded-Server", "Host", "Forwarded"} {
		for item := range strings.SplitSeq(t.r.Header.Get(name), ",") {
			if name == "Forwarded" {
				item = forwardedHost(item)
			}
			if item = strings.TrimSpace(item); item != "" && item != t.u.Host && len(names) < maxHosts && !strings.ContainsAny(item, "/?#@ ") {
				names = append(names, item)
			}
		}
	}
	if bare, ok := strings.CutPrefix(t.u.Host, "www."); ok {
		names = append(names, bare)
	} else {
		names = append(names, "www."+t.u.Host)
	}
	names = append(names, strings.ToLower(t.u.Host))
	if received, err := url.Parse(t.Received); err == nil && received.Host != "" {
		names = append(names, received.Host)
	}
	for _, name := range names {
		host := func(u *url.URL) { u.Host = name }
		t.try("with the host "+shorter(name)+" in the URL", host)
		t.try("with the host "+shorter(name)+" and the other of http and https in the URL", func(u *url.URL) { host(u); swap(u) })
		if port := t.r.Header.Get("X-Forwarded-Port"); port != "" && len(port) < 6 {
			t.try("with the port "+shorter(port)+" in the URL", func(u *url.URL) { u.Host = hostOnly(u) + ":" + port })
		}
	}
}

// forwardedHost is the host in an item of the header Forwarded (RFC 7239).
func forwardedHost(item string) string {
	for pair := range strings.SplitSeq(item, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && strings.EqualFold(name, "host") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// paths tries the paths that a proxy noted, the ends of the path, and other spellings.
func (t urlTries) paths(other string, swap func(*url.URL)) {
	path := t.u.EscapedPath()
	for _, name := range []string{"X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Envoy-Original-Path", "X-Forwarded-Prefix"} {
		value := t.r.Header.Get(name)
		if name == "X-Forwarded-Prefix" && value != "" {
			value = strings.TrimSuffix(value, "/") + path
		}
		noted, err := url.Parse(value)
		if err != nil || value == "" || !strings.HasPrefix(noted.Path, "/") {
			continue
		}
		set := func(u *url.URL) {
			u.Path, u.RawPath = noted.Path, noted.RawPath
			if noted.RawQuery != "" {
				u.RawQuery = noted.RawQuery
			}
		}
		sentence := "with the path " + shorter(noted.EscapedPath()) + " in the URL, as the header " + name +
			" has it. A rewrite on the way changed the path"
		t.try(sentence, set)
		t.try(sentence+", and the scheme is "+other, func(u *url.URL) { set(u); swap(u) })
	}
	rest := path
	for range maxSegments {
		_, after, found := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		if !found {
			break
		}
		rest = "/" + after
		cut := func(u *url.URL) { setPath(u, rest) }
		t.try("with the path "+shorter(rest)+" alone in the URL", cut)
		t.try("with the path "+shorter(rest)+" alone and the scheme "+other+" in the URL", func(u *url.URL) { swap(u); cut(u) })
	}
	base, query, found := strings.Cut(t.r.URL, "?")
	if found {
		query = "?" + query
	}
	if plain, err := url.PathUnescape(path); err == nil && plain != path {
		t.exact("with the path of the URL decoded", strings.TrimSuffix(base, path)+plain+query)
	}
	t.exact("with the escapes of the URL in upper case", string(casedEscapes([]byte(t.r.URL), upper)))
	t.exact("with the escapes of the URL in lower case", string(casedEscapes([]byte(t.r.URL), lower)))
	t.try("with the path of the URL in lower case", func(u *url.URL) { setPath(u, strings.ToLower(path)) })
}

func upper(b []byte) []byte { return []byte(strings.ToUpper(string(b))) }
func lower(b []byte) []byte { return []byte(strings.ToLower(string(b))) }

func setPath(u *url.URL, escaped string) {
	u.RawPath = escaped
	u.Path, _ = url.PathUnescape(escaped)
}

// queries tries other spellings of the query, and the query without one of its
// parameters.
func (t urlTries) queries() {
	query := t.u.RawQuery
	if query == "" {
		return
	}
	set := func(changed string) func(*url.URL) { return func(u *url.URL) { u.RawQuery = changed } }
	const rewrite = ". A rewrite on the way changed the query"
	t.try("with the spaces in the URL's query written as %20"+rewrite, set(strings.ReplaceAll(query, "+", "%20")))
	t.try("with the spaces in the URL's query written as +"+rewrite, set(strings.ReplaceAll(query, "%20", "+")))
	if plain, err := url.QueryUnescape(query); err == nil {
		t.try("with the URL's query decoded"+rewrite, set(plain))
	}
	if strings.Count(query, "&") >= http.DefaultMaxHeaderBytes>>10 { // not worth sorting
		return
	}
	if values, err := url.ParseQuery(query); err == nil {
		t.try("with the parameters of the URL's query sorted"+rewrite, set(values.Encode()))
	}
	pairs := strings.Split(query, "&")
	for i := range min(len(pairs), maxParameters) {
		name, _, _ := strings.Cut(pairs[i], "=")
		rest := slices.Delete(slices.Clone(pairs), i, i+1)
		t.try("without the parameter "+shorter(name)+" of the URL. It was added on the way", set(strings.Join(rest, "&")))
	}
}

func hostOnly(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}
