package explain

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// maxHeaders limits the headers of a request that are tried one by one.
const maxHeaders = 32

// wanted are the names of the headers of the request that may matter: those that the
// scheme reads, or any if that is not known.
func (x *explainer) wanted() []string {
	names := slices.Sorted(maps.Keys(x.r.Header))
	if len(x.about.Headers) > 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(x.about.Headers, name) })
	}
	return names[:min(len(names), maxHeaders)]
}

// repeatedHeaders tries one of the values of a header that is there more than once.
func (x *explainer) repeatedHeaders() {
	for _, name := range x.wanted() {
		values := x.r.Header[name]
		how := "is there " + strconv.Itoa(len(values)) + " times"
		if len(values) == 1 {
			values = strings.Split(values[0], ", ")
			how = "has several values in one, separated by a comma"
		}
		if len(values) < 2 {
			continue
		}
		for i, value := range []string{values[0], values[len(values)-1]} {
			which := []string{"first", "last"}[i]
			x.tryRequest(fmt.Sprintf("It verifies with the %s value of the header %s alone, which %s. Something on the way adds it once more.", which, name, how),
				func(r *verifiers.Request) { r.Header[name] = []string{value} })
		}
	}
}

// headers tries the request with headers under the names that the scheme looks
// for, where others resemble them: words parted otherwise, or something put in
// front.
func (x *explainer) headers() {
	was := x.renamed()
	if len(x.found) > 0 || len(was) == 0 || !x.acceptsChanged(x.under(was)) {
		return
	}
	var called []string
	for _, have := range slices.Sorted(maps.Keys(was)) { // those without which it would be refused
		want := was[have]
		delete(was, have)
		if !x.acceptsChanged(x.under(was)) {
			was[have] = want
			called = append(called, strconv.Quote(shorter(have))+" is called "+want)
		}
	}
	if len(called) > 0 {
		x.say("It verifies once the header " + strings.Join(called, ", and ") + ". Something on the way has renamed it.")
	}
}

// renamed guesses the original names of headers that something on the way renamed.
func (x *explainer) renamed() map[string]string {
	was := make(map[string]string)
	for _, have := range slices.Sorted(maps.Keys(x.r.Header)) {
		if len(was) == maxHeaders {
			break
		}
		for _, want := range x.about.Headers {
			if x.r.Header.Get(want) == "" && strings.HasSuffix(plainName(have), plainName(want)) {
				was[have] = want
			}
		}
		if plain := http.CanonicalHeaderKey(strings.NewReplacer("_", "-", ".", "-").Replace(have)); len(x.about.Headers) == 0 && plain != have {
			was[have] = plain
		}
	}
	return was
}

// under is the request with its headers under the names that they had.
func (x *explainer) under(was map[string]string) *verifiers.Request {
	r := *x.r
	r.Header = x.r.Header.Clone()
	for have, want := range was {
		r.Header[want] = r.Header[have]
	}
	return &r
}

// values undoes the changes that proxies and frameworks make to the value of a header.
func (x *explainer) values() {
	for _, name := range x.wanted() {
		values := x.r.Header[name]
		if len(values) != 1 {
			continue
		}
		for _, change := range []struct {
			value, sentence string
		}{
			{strings.TrimSpace(values[0]), "without the white space around it"},
			{strings.Trim(values[0], `"'`), "without quotation marks around it"},
			{unescapedValue(values[0]), "with its %XX decoded"},
			{lowerPrefix(values[0]), "with the text before the = in lower case"},
			{"Bearer " + values[0], "with Bearer before it"},
			{strings.TrimPrefix(values[0], "Bearer "), "without the word Bearer"},
		} {
			if change.value == values[0] {
				continue
			}
			x.tryRequest("It verifies with the header "+name+" "+change.sentence+
				". Something on the way has changed it, or the sender writes it otherwise.",
				func(r *verifiers.Request) { r.Header[name] = []string{change.value} })
		}
	}
}

func unescapedValue(value string) string {
	plain, err := url.PathUnescape(value)
	if err != nil {
		return value
	}
	return plain
}

func lowerPrefix(value string) string {
	prefix, rest, found := strings.Cut(value, "=")
	if !found {
		return value
	}
	return strings.ToLower(prefix) + "=" + rest
}

// plainName is a header's name without the characters that proxies and servers change.
func plainName(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
}
