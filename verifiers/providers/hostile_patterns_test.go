package providers_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// hostileText is a text of a stranger's making.
type hostileText struct {
	name, text string
	lazy       func() string // makes the text, where there are many of them
}

func (t hostileText) String() string {
	if t.lazy != nil {
		return t.lazy()
	}
	return t.text
}

// repeated fills a text of n bytes with a pattern.
func repeated(pattern string, n int) string {
	return strings.Repeat(pattern, n/len(pattern)+1)[:n]
}

// numbered fills a text of about n bytes with a pattern that has a number in it.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// hostileTexts are texts on which parsers have been slow, each of about n bytes: every
// separator and bracket, alternations of them, depth, many names, long names, and
// escapes that are none.
func hostileTexts(n int) []hostileText {
	var all []hostileText
	add := func(name, text string) { all = append(all, hostileText{name: name, text: text}) }
	for _, c := range []byte(";&=,.:/|+%-_?#@!*'\"\\<>()[]{}~^`$0aA \t\n\r\x00\xff") {
		add(fmt.Sprintf("%q", c), repeated(string(c), n))
	}
	for _, pair := range []string{
		"a&", "a=", "a=b&", "=&", "&;", "a;", ";=", "a=b;", "%2", "%zz", "%41", "%41=%42&", "%00&", "+a&", "a,", ",=", "v1=00,", "t=1,", "v1,AAAA ",
		"a=:AA==:, ", "(\"a\")", "\";\"", "\r\n", "\r\n ", "--\r\n", "--x\r\n", "\n--x", "{}", "[]", "[{", "[1,", "\\\"", "\\u0041", "\\ud800", "é", "\xc3", "0.",
		"..", "a.b.c.", "//", "/../", "/*", "<a>", "<a b=\"c\">", "<!--", "&amp;", "sha256=", "Bearer ",
	} {
		add(fmt.Sprintf("%q", pair), repeated(pair, n))
	}
	add("names", numbered("n%d=1&", n))
	add("numbered", numbered("%d=1&", n))
	add("long name", repeated("n", n)+"=1")
	add("long escaped name", repeated("%6e", n/3*3)+"=1")
	add("long names", repeated(strings.Repeat("n", 100)+"&", n))
	add("items", numbered("k%d=00,", n))
	return all
}

// hostileDocuments are valid or nearly valid JSON, each of about n bytes.
func hostileDocuments(n int) []hostileText {
	nested := func(open, inner, closed string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(closed, depth)
	}
	all := []hostileText{
		{name: "empty objects", text: "[" + strings.TrimSuffix(repeated("{},", n/3*3), ",") + "]"},
		{name: "numbers", text: "[" + strings.TrimSuffix(repeated("0,", n/2*2), ",") + "]"},
		{name: "strings", text: "[" + strings.TrimSuffix(repeated(`"",`, n/3*3), ",") + "]"},
		{name: "names", text: "{" + strings.TrimSuffix(numbered(`"n%d":0,`, n), ",") + "}"},
		{name: "indices", text: "{" + strings.TrimSuffix(numbered(`"%d":0,`, n), ",") + "}"},
		{name: "names turned", text: "{" + strings.TrimSuffix(numbered(`"%[1]d%[1]d":0,`, n), ",") + "}"},
		{name: "one name", text: "{" + strings.TrimSuffix(repeated(`"a":0,`, n/6*6), ",") + "}"},
		{name: "escaped", text: `"` + repeated(`\u0041`, n/6*6) + `"`},
		{name: "half pairs", text: `"` + repeated(`\ud800n`, n/7*7) + `"`},
		{name: "escaped names", text: "{" + strings.TrimSuffix(repeated(`"\u0041":"\n",`, n/14*14), ",") + "}"},
		{name: "digits", text: repeated("1", n)},
		{name: "exponent", text: "1e" + repeated("9", n)},
		{name: "text", text: `"` + repeated("x", n) + `"`},
		{name: "space", text: `{"a":` + repeated(" ", n) + `1}`},
		{name: "unclosed", text: nested("[", "", "", n)},
		{name: "unclosed objects", text: nested(`{"a":`, "", "", n/5)},
		{name: "unclosed string", text: `{"a":"` + repeated("x", n)},
	}
	for _, depth := range []int{30, 1000} {
		fill := max(n-12*depth, 0)
		all = append(all,
			hostileText{name: fmt.Sprint("deep arrays ", depth), text: nested("[", "["+strings.TrimSuffix(repeated("0,", fill/2*2), ",")+"]", "]", depth)},
			hostileText{name: fmt.Sprint("deep objects ", depth), text: nested(`{"a":`, `"`+repeated("x", fill)+`"`, "}", depth)},
			hostileText{name: fmt.Sprint("deep and wide ", depth), text: nested(`{"b":[0],"a":`, "0", "}", min(depth, n/14))},
		)
	}
	return all
}

// hostileBodies are bodies of about n bytes that need more than one text.
func hostileBodies(n int) []hostileText {
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	var many, headers strings.Builder
	for i := 0; many.Len() < n; i++ {
		many.WriteString(part(fmt.Sprint("n", i), ""))
	}
	headers.WriteString("--x\r\n")
	for i := 0; headers.Len() < n; i++ {
		fmt.Fprintf(&headers, "H%d: 1\r\n", i)
	}
	all := []hostileText{
		{name: "parts", text: many.String() + "--x--\r\n"},
		{name: "part headers", text: headers.String() + "\r\n\r\n--x--\r\n"},
		{name: "part of boundaries", text: "--x\r\n\r\n" + repeated("\r\n--xy", n) + "\r\n--x--\r\n"},
		{name: "part of hyphens", text: "--" + strings.Repeat("-", 60) + "\r\n\r\n" + repeated("\r\n-", n)},
		{name: "part of line ends", text: "--x\n\n" + repeated("\n", n) + "\n--x--\n"},
		{name: "long part", text: part("a", repeated("x", n)) + "--x--\r\n"},
		{name: "long part name", text: part(repeated("x", n), "") + "--x--\r\n"},
	}
	for _, inside := range []string{"\x00", "a&", ";", "[", `{"a":`} {
		all = append(all, hostileText{name: fmt.Sprintf("gzip of %q", inside), text: string(packed([]byte(repeated(inside, 8*n))))})
	}
	member := string(packed(nil))
	return append(all, hostileText{name: "gzip members", text: strings.Repeat(member, n/len(member))})
}

// hostileForms puts texts in the place of each field's value of a form.
func hostileForms(form string, texts []hostileText) []hostileText {
	var all []hostileText
	pairs := strings.Split(form, "&")
	if len(pairs) > 40 || !strings.Contains(form, "=") {
		return nil
	}
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		for _, text := range texts {
			all = append(all, hostileText{name: name + " of " + text.name, lazy: func() string {
				changed := slices.Clone(pairs)
				changed[i] = name + "=" + escapeForm.Replace(text.text)
				return strings.Join(changed, "&")
			}})
		}
	}
	return all
}

var escapeForm = strings.NewReplacer("&", "%26", ";", "%3B", "+", "%2B", "%", "%25", "\"", "%22", "\n", "%0A")

// hostileMembers puts texts into a JSON object: as a member of its own, and in the
// place of each of its members.
func hostileMembers(document string, texts []hostileText) []hostileText {
	if !strings.HasPrefix(document, "{") || len(document) < 3 {
		return nil
	}
	var all []hostileText
	for _, text := range texts {
		all = append(all,
			hostileText{name: "another first of " + text.name, lazy: func() string { return `{"zz":` + text.text + "," + document[1:] }},
			hostileText{name: "another last of " + text.name, lazy: func() string {
				return document[:strings.LastIndexByte(document, '}')] + `,"zz":` + text.text + "}"
			}},
		)
		for _, m := range first(membersOf(document), 10) {
			all = append(all, hostileText{name: document[m.name:m.nameEnd] + " of " + text.name, lazy: func() string {
				return document[:m.value] + text.text + document[m.valueEnd:]
			}})
		}
	}
	return all
}

// base64Of writes texts in base64, in which some fields stand.
func base64Of(texts []hostileText) []hostileText {
	all := slices.Clone(texts)
	for i := range all {
		all[i] = hostileText{name: "base64 of " + all[i].name, text: base64.StdEncoding.EncodeToString([]byte(all[i].text))}
	}
	return all
}

func first[T any](all []T, n int) []T { return all[:min(n, len(all))] }
