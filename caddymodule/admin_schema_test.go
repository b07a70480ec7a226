package caddymodule

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hookwicket/hookwicket/adminapi"
)

// apiTester calls the admin API of a gateway and holds everything it says
// against the OpenAPI document that the gateway serves.
type apiTester struct {
	t    *testing.T
	base string
	http *http.Client
	doc  object
	used map[string]bool // operations, by method and path of the document
}

// startAdmin starts a gateway with an admin endpoint.
func startAdmin(t *testing.T, s setup) (*gateway, *apiTester) {
	t.Helper()
	s.admin = freePort(t)
	g := start(t, s)
	c := &apiTester{t: t, base: "http://" + s.admin, http: g.client, used: make(map[string]bool)}
	status, _, body := c.raw(http.MethodGet, adminapi.Prefix+"/openapi.json", "")
	if status != 200 {
		t.Fatalf("no document: %d %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), &c.doc); err != nil {
		t.Fatal(err)
	}
	c.used["GET "+adminapi.Prefix+"/openapi.json"] = true
	return g, c
}

func (c *apiTester) raw(method, path, body string) (int, http.Header, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return a.StatusCode, a.Header, string(b)
}

// call makes a request, checks request and answer against the document, and
// returns the answer's body.
func (c *apiTester) call(want int, method, path string, body any) string {
	c.t.Helper()
	sent := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		sent = string(b)
	}
	status, header, got := c.raw(method, adminapi.Prefix+path, sent)
	if status != want {
		c.t.Fatalf("%s %s %s: %d %s, want %d", method, path, sent, status, got, want)
	}
	where, op := c.operation(method, adminapi.Prefix+path)
	c.used[where] = true
	answer, ok := op["responses"].(object)[fmt.Sprint(status)].(object)
	if !ok {
		c.t.Fatalf("%s: status %d is not in the document", where, status)
	}
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	content, ok := answer["content"].(object)[kind].(object)
	if !ok {
		c.t.Fatalf("%s: content type %s is not in the document", where, kind)
	}
	if kind == "application/json" {
		var v any
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			c.t.Fatalf("%s: %v in %s", where, err, got)
		}
		if err := c.check(content["schema"].(object), v, where); err != nil {
			c.t.Errorf("%v\n%s", err, got)
		}
	}
	if request, ok := op["requestBody"].(object); ok && body != nil && status < 300 {
		var v any
		_ = json.Unmarshal([]byte(sent), &v)
		schema := request["content"].(object)["application/json"].(object)["schema"].(object)
		if err := c.check(schema, v, where+" (request)"); err != nil {
			c.t.Error(err)
		}
	}
	return got
}

// get is a call whose answer is read into a T.
func get[T any](c *apiTester, method, path string, body any) (v T) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.call(200, method, path, body)), &v); err != nil {
		c.t.Fatal(err)
	}
	return v
}

// refused is a call that fails, with the words that its error has to have.
func (c *apiTester) refused(status int, method, path string, body any, words ...string) {
	c.t.Helper()
	var e adminapi.Error
	if err := json.Unmarshal([]byte(c.call(status, method, path, body)), &e); err != nil {
		c.t.Fatal(err)
	}
	for _, w := range words {
		if !strings.Contains(e.Error, w) {
			c.t.Errorf("%s %s: the error says %q, and nothing of %q", method, path, e.Error, w)
		}
	}
}

// operation finds the document's part for a path.
func (c *apiTester) operation(method, path string) (string, object) {
	c.t.Helper()
	path, query, _ := strings.Cut(path, "?")
	best, op := "", object(nil)
	for template, operations := range c.doc["paths"].(object) {
		re := "^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(template, "[^/]+") + "$"
		if o, ok := operations.(object)[strings.ToLower(method)].(object); ok && regexp.MustCompile(re).MatchString(path) {
			best, op = method+" "+template, o
		}
	}
	if op == nil {
		c.t.Fatalf("%s %s is not in the document", method, path)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		c.t.Fatal(err)
	}
	var known []string
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		known = append(known, p.(object)["name"].(string))
	}
	for name := range values {
		if !slices.Contains(known, name) && name != "nonsense" {
			c.t.Errorf("%s: parameter %s is not in the document", best, name)
		}
	}
	return best, op
}

// check holds a value against a schema. A keyword that it does not know is an
// error, so that none is there for nothing.
func (c *apiTester) check(schema object, v any, at string) error {
	for keyword, want := range schema {
		var bad string
		switch keyword {
		case "description":
		case "$ref":
			name := strings.TrimPrefix(want.(string), "#/components/schemas/")
			target, ok := c.doc["components"].(object)["schemas"].(object)[name].(object)
			if !ok {
				return fmt.Errorf("%s: there is no schema %s", at, name)
			}
			if err := c.check(target, v, at); err != nil {
				return err
			}
		case "type":
			if got := jsonType(v); got != want && !(got == "integer" && want == "number") {
				bad = fmt.Sprintf("is %s %v", got, v)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad = fmt.Sprintf("is %v, which the schema does not have", v)
			}
		case "format":
			bad = checkFormat(want.(string), v)
		case "contentEncoding":
			if _, err := base64.StdEncoding.DecodeString(v.(string)); err != nil || want != "base64" {
				bad = fmt.Sprintf("is %v", v)
			}
		case "minimum", "maximum":
			n, limit := v.(float64), want.(float64)
			if keyword == "minimum" && n < limit || keyword == "maximum" && n > limit {
				bad = fmt.Sprintf("is %v", v)
			}
		case "required":
			o, _ := v.(object)
			for _, name := range want.([]any) {
				if _, ok := o[name.(string)]; !ok {
					return fmt.Errorf("%s: there is no %s", at, name)
				}
			}
		case "items":
			list, _ := v.([]any)
			for i, element := range list {
				if err := c.check(want.(object), element, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		case "properties":
			o, _ := v.(object)
			for name, member := range o {
				if s, ok := want.(object)[name].(object); ok {
					if err := c.check(s, member, at+"."+name); err != nil {
						return err
					}
				}
			}
		case "additionalProperties":
			known, _ := schema["properties"].(object)
			o, _ := v.(object)
			for name, member := range o {
				if _, ok := known[name]; ok {
					continue
				}
				if want == false {
					return fmt.Errorf("%s: there is %s, which the schema does not have", at, name)
				}
				if err := c.check(want.(object), member, at+"."+name); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("%s: keyword %s", at, keyword)
		}
		if bad != "" {
			return fmt.Errorf("%s: %s, where %s is %v", at, bad, keyword, want)
		}
	}
	return nil
}

func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func checkFormat(format string, v any) string {
	s, _ := v.(string)
	switch format {
	case "date-time":
		if t, err := time.Parse(time.RFC3339Nano, s); err != nil || t.IsZero() {
			return "is " + s
		}
		return ""
	case "uuid":
		if _, err := uuid.Parse(s); err != nil {
			return err.Error()
		}
		return ""
	}
	return "has an unknown format"
}
