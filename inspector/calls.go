package inspector

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/hookwicket/hookwicket/adminapi"
)

// operation is one operation of the admin API that the page may call.
type operation struct {
	method  string
	path    string // {} stands for one part
	changes bool
	file    bool // the answer is to be saved, not shown
}

// operations are all that the page needs. Whatever is not listed is not handed on.
var operations = []operation{
	{method: http.MethodGet, path: adminapi.PathStatus},
	{method: http.MethodGet, path: adminapi.PathEndpoints},
	{method: http.MethodGet, path: adminapi.PathEndpoints + "/{}"},
	{method: http.MethodGet, path: adminapi.PathMessages},
	{method: http.MethodGet, path: adminapi.PathMessages + "/{}"},
	{method: http.MethodGet, path: adminapi.PathMessages + "/{}/body", file: true},
	{method: http.MethodGet, path: adminapi.PathTail},
	{method: http.MethodGet, path: adminapi.PathRefused},
	{method: http.MethodGet, path: adminapi.PathRefused + "/{}"},
	{method: http.MethodGet, path: adminapi.PathRefused + "/{}/wire", file: true},
	{method: http.MethodPost, path: adminapi.PathCount},
	{method: http.MethodPost, path: adminapi.PathEndpoints + "/{}/test", changes: true},
	{method: http.MethodPost, path: adminapi.PathPause, changes: true},
	{method: http.MethodPost, path: adminapi.PathResume, changes: true},
	{method: http.MethodPost, path: adminapi.PathProbe, changes: true},
	{method: http.MethodPost, path: adminapi.PathMessages + "/{}/redeliver", changes: true},
	{method: http.MethodPost, path: "/redeliver", changes: true},
	{method: http.MethodPost, path: "/cancel", changes: true},
	{method: http.MethodPost, path: "/bury", changes: true},
	{method: http.MethodPost, path: "/purge", changes: true},
	{method: http.MethodPost, path: adminapi.PathRefused + "/{}/accept", changes: true},
	{method: http.MethodPost, path: adminapi.PathRefused + "/accept", changes: true},
}

// find returns the operation of a method and an escaped path.
func find(method, path string) (operation, bool) {
	for _, o := range operations {
		if o.method == method && matches(o.path, path) {
			return o, true
		}
	}
	return operation{}, false
}

// matches compares a path part by part. [PlainPath] has refused parts that are empty or
// could climb to another path.
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		switch {
		case want[i] == "{}" && got[i] != "":
		case want[i] != got[i]:
			return false
		}
	}
	return true
}

// protection refuses changes that a page of another origin asks for.
var protection = http.NewCrossOriginProtection()

// call serves one call of the API. Its guards come first.
func (p *Page) call(w http.ResponseWriter, r *http.Request, path string, session Session) {
	if err := protection.Check(r); err != nil || !sameOrigin(r) {
		Refuse(w, http.StatusForbidden, "a page of another origin may not use this one")
		return
	}
	if path == sessionPath && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(session)
		return
	}
	o, ok := find(r.Method, strings.TrimPrefix(path, apiPath))
	switch {
	case !ok:
		Refuse(w, http.StatusNotFound, "the page has no such call")
		return
	case o.changes && session.Readonly:
		Refuse(w, http.StatusForbidden, "you may look, and change nothing")
		return
	case r.Method == http.MethodPost && !isJSON(r.Header.Get("Content-Type")):
		Refuse(w, http.StatusUnsupportedMediaType, "the Content-Type has to be application/json")
		return
	}
	escaped := adminapi.Prefix + strings.TrimPrefix(path, apiPath)
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		Refuse(w, http.StatusBadRequest, "the path is not escaped properly")
		return
	}
	if o.file {
		w.Header().Set("Content-Disposition", "attachment")
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = plain, escaped
	inner.RequestURI = inner.URL.RequestURI()
	p.API(w, inner, Call{Session: session, Changes: o.changes})
}

// sameOrigin reports whether the page itself, a person's address bar or a program asks.
// [http.CrossOriginProtection] lets all reads pass.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return false
}

// isJSON: a form of another page cannot send this type.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}
