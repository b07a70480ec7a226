package inspector

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookwicket/hookwicket/adminapi"
)

// Page serves the inspector. It is safe for use by several goroutines.
type Page struct {
	// Base is the path of the page without the slash at its end, such as /hooks.
	// Empty: the page is at the root.
	Base string

	// API answers a call of the page. The path of the request is that of the admin
	// API, [adminapi.Prefix] included.
	API func(http.ResponseWriter, *http.Request, Call)

	// Session returns who reads, and what the reader may do. An error refuses the
	// request with 403 and the error's text. nil: everybody may do everything.
	Session func(*http.Request) (Session, error)
}

// Session is a reader of the page. The page shows it.
type Session struct {
	By        string   `json:"by,omitempty"`        // who it is; empty: unknown
	Readonly  bool     `json:"readonly"`            // changes are refused
	Endpoints []string `json:"endpoints,omitempty"` // the API shows these alone; empty: all
}

// Call is one call of the API by the page.
type Call struct {
	Session Session
	Changes bool // false: it only reads
}

// Paths below [Page.Base] besides those of the files.
const (
	apiPath     = "/api"
	sessionPath = "/api/session"
)

// policy is the Content-Security-Policy of every answer. No script, style or picture
// comes from elsewhere or stands in the page itself, and no text becomes HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// SetHeaders sets the headers that every answer has, whatever it is.
func SetHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// PlainPath reports whether a path can be read in one way only: no escaped slash, no empty,
// `.` or `..` segment, no backslash and no control character. A site decides by the cleaned
// path who has to sign in, as Caddy's path matcher does. A path that differs from its
// cleaned form could be one thing to that decision and another to the page.
func PlainPath(u *url.URL) bool {
	p := u.Path
	if !strings.HasPrefix(p, "/") || !utf8.ValidString(p) || strings.Count(p, "/") != strings.Count(u.EscapedPath(), "/") {
		return false
	}
	if strings.ContainsFunc(p, func(r rune) bool { return r == '\\' || unicode.IsControl(r) }) {
		return false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(p[1:], "/"), "/") {
		if strings.Trim(segment, ". ") == "" && p != "/" { // on Windows, `.. ` is `..`
			return false
		}
	}
	return true
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	SetHeaders(w.Header())
	if !PlainPath(r.URL) {
		http.Error(w, "the path has to be plain: without escaped slashes, empty segments, dot segments and control characters", http.StatusBadRequest)
		return
	}
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), p.Base)
	isCall := ok && strings.HasPrefix(path, apiPath+"/")
	var session Session
	if p.Session != nil {
		var err error
		if session, err = p.Session(r); err != nil {
			deny(w, isCall, err)
			return
		}
	}
	switch {
	case ok && path == "" && p.Base != "":
		http.Redirect(w, r, p.Base+"/", http.StatusPermanentRedirect)
		return
	case isCall:
		p.call(w, r, path, session)
		return
	}
	file, found := assets[path]
	switch {
	case !ok || !found:
		http.Error(w, "there is no such page", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
	default:
		file.serve(w, r)
	}
}

// deny refuses a request whose reader is not known.
func deny(w http.ResponseWriter, isCall bool, err error) {
	if isCall {
		Refuse(w, http.StatusForbidden, err.Error())
		return
	}
	http.Error(w, err.Error(), http.StatusForbidden)
}

// Refuse answers a call as the admin API answers a failure.
func Refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(adminapi.Error{Error: message})
}
