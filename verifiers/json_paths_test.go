package verifiers

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// pathSamples are documents and the paths that are looked for in them.
var pathSamples = []struct{ text, paths string }{
	{`{"id":"1","type":"a","at":5}`, `id type at`},
	{`{"data":{"id":"1","items":[{"sku":"x"},{"sku":"y"}]},"id":2}`, `id data.id data.items.1.sku data.items.0 data`},
	{`{"a":{"c":1},"a":{"b":2}}`, `a.b a.c a`},
	{`{"id":1,"id":2}`, `id`},
	{`{"id":1,"ID":2,"Id":{"x":1}}`, `id ID id.x`},
	{`{"A":{"b":1,"b":2}}`, `a.b`},
	{`{"\u0069d":"escaped","x\"y":"\ud83d\ude00 \ud800 \n"}`, `id x"y`},
	{`[1,{"id":"2"},[3]]`, `0 1.id 2.0 3`},
	{`{"0":"zero","a.b":true,"a*":null}`, `0 a\.b a\*`},
	{`{"a":[],"b":{},"c":[ ],"d":{ }}`, `a.0 b.a c.0 d.a`},
	{` {"a" : [ "x" , { "b" : false } ] , "c" : -1.5e3 } `, `a.0 a.1.b c`},
	{`{"a":"` + strings.Repeat("x", 200) + `","b":"` + strings.Repeat(`\\`, 70) + `","c":1}`, `a b c`},
	{`"id"`, `id`}, {`5`, `0`}, {``, `id`}, {`{"id":`, `id`}, {`{"id":1}}`, `id`}, {`{"id":1,}`, `id`}, {`{"id" 1}`, `id`}, {`[1,]`, `0`},
	{`{"ſ":1,"s":2,"K":3}`, `s k`},
	{`{"a":[{"id":1},{"id":2}],"b":"c"}`, `a.#.id a.#(id==2).id b a.00.id a.* b|c`},
	{"{\"id\":\"a\x01b\"}", `id`}, {"{\"i\xffd\":\"\xff\"}", "i\xffd"},
}

// FuzzJSONPaths compares the one pass with the libraries: with encoding/json for what is
// a document, with gjson for the values, and with a walk of each path by itself for names
// that an object has more than once.
func FuzzJSONPaths(f *testing.F) {
	for _, sample := range pathSamples {
		f.Add(sample.text, sample.paths)
	}
	for _, text := range jsonSamples {
		f.Add(text, "a a.b a.b.1.c 0 1")
	}
	f.Fuzz(func(t *testing.T, text, list string) {
		paths := &jsonPaths{folds: true}
		for _, path := range strings.Fields(list) {
			if _, err := jsonPath(path); err == nil {
				paths.addPath(path)
			}
		}
		found := make([]jsonFound, len(paths.paths))
		var valid bool
		quick(t, len(text), func() {
			clear(found)
			valid = paths.find(text, found)
		})
		if valid != validJSON(text) {
			t.Fatalf("%q: %v, but without paths %v", text, valid, !valid)
		}
		if valid != json.Valid([]byte(text)) && strings.Count(text, "[")+strings.Count(text, "{") < maxDepth {
			t.Fatalf("%q: %v", text, valid)
		}
		if valid {
			comparePaths(t, text, paths, found)
		}
	})
}

// comparePaths compares the values that were found in a valid document.
func comparePaths(t *testing.T, text string, paths *jsonPaths, found []jsonFound) {
	var in reading
	in.start(&Request{})
	var plain any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil && !strings.Contains(err.Error(), "depth") {
		t.Fatalf("%q: %v", text, err)
	}
	text = strings.TrimLeft(text, " \t\r\n")
	for i, path := range paths.paths {
		got, ok := in.text(found[i].raw)
		if text[0] == '{' || text[0] == '[' { // gjson looks for brackets in a string too
			result := gjson.Get(text, path)
			if want, wantOK := textOf(result); got != want || ok != wantOK || found[i].raw != result.Raw {
				t.Errorf("%q: %s is %q, want %q", text, path, found[i].raw, result.Raw)
			}
			if repeated := repeatedMember(text, path); found[i].repeated != repeated && !otherCases(paths) {
				t.Errorf("%q: %s is repeated: %v, want %v", text, path, found[i].repeated, repeated)
			}
		} else if ok {
			t.Errorf("%q: %s is %q in a document without members", text, path, got)
		}
		if want, wantOK := decoded(plain, path); !found[i].repeated && utf8.ValidString(text) && !strings.Contains(text, `\u`) && (got != want || ok != wantOK) {
			t.Errorf("%q: %s is %q, and encoding/json has %q", text, path, got, want)
		}
	}
}

// otherCases reports whether names of the set differ only in case. Then a member that has
// yet another case is followed for one of them alone.
func otherCases(paths *jsonPaths) bool {
	names := map[string]string{}
	for _, path := range paths.paths {
		for more := true; more; {
			var name string
			name, path, more = CutPath(path)
			for other := range names {
				if other != name && strings.EqualFold(other, name) {
					return true
				}
			}
			names[name] = name
		}
	}
	return false
}

// decoded returns the value at a path of a document that encoding/json decoded.
func decoded(value any, path string) (string, bool) {
	for more := true; more; {
		var name string
		name, path, more = CutPath(path)
		switch inner := value.(type) {
		case map[string]any:
			value = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(inner) {
				return "", false
			}
			value = inner[i]
		default:
			return "", false
		}
	}
	switch value := value.(type) {
	case string:
		return value, value != ""
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}

// TestJSONBlocks moves documents over the edges of the blocks in which strings are read.
func TestJSONBlocks(t *testing.T) {
	for _, text := range []string{
		`{"id":"a","x":"b\"c","y":"\\","z":"\u00e9"}`, `["","a","ab","` + strings.Repeat("x", 100) + `"]`, `"\\\\\\\""`, `{"a":"b"`, `["a]`, `"\"`, `["\u00"]`, "[\"a\x1fb\"]", "[\"\n\"]",
		`{"` + strings.Repeat("n", 70) + `":"` + strings.Repeat(`\t`, 40) + `","id":1}`,
	} {
		for n := range 140 {
			for _, before := range []string{strings.Repeat(" ", n), `["` + strings.Repeat("p", n) + `",`, `["` + strings.Repeat(`\"`, n) + `",`} {
				whole := before + text
				if strings.HasPrefix(before, "[") {
					whole += "]"
				}
				if got, want := validJSON(whole), json.Valid([]byte(whole)); got != want {
					t.Errorf("%q: %v, want %v", whole, got, want)
				}
			}
		}
	}
}

// TestSpecials compares the masks with the bytes, one by one.
func TestSpecials(t *testing.T) {
	for c := range 256 {
		for at := range blockSize + 2 {
			for _, around := range []byte{' ', '!', '#', '[', ']', 0x7f, 0x80, 0xff, '"', 0} {
				text := bytes.Repeat([]byte{around}, blockSize+2)
				text[at] = byte(c)
				for _, size := range []int{blockSize + 2, blockSize, blockSize - 1, at + 1} {
					want := uint64(0)
					for i, b := range text[:min(size, blockSize)] {
						if b < ' ' || b == '"' || b == '\\' {
							want |= 1 << i
						}
					}
					if size < at+1 {
						continue
					}
					if got := specials(text[:min(size, len(text))]); got != want {
						t.Fatalf("%#x at %d among %#x: %b, want %b", c, at, around, got, want)
					}
				}
			}
		}
	}
}

// TestOnePass: the paths of a scheme are all found by the pass that checks the document.
func TestOnePass(t *testing.T) {
	facts := mustFacts(t, Facts{
		Timestamp: Timestamp{From: "{json:at}"}, EventID: []string{"{json:a.id}:{json:b}", "{json:id}"}, EventType: []string{"{json:type}"},
		Require: []Condition{{Of: "{json:to}"}}, Addressee: []Condition{{Of: "{json:account}", Is: []string{"me"}}},
	})
	want := []string{"at", "a.id", "b", "id", "type", "account", "to"}
	if !slices.Equal(facts.paths.paths, want) {
		t.Errorf("%q, want %q", facts.paths.paths, want)
	}
	for _, path := range []string{"a.#", "a.*", "a?", "a|b", "01", "a.00.b", strings.Repeat("a.", maxPathSteps) + "a", "a."} {
		paths := &jsonPaths{}
		if paths.addPath(path); len(paths.paths) > 0 {
			t.Errorf("%s is taken for a path of names and indexes", path)
		}
	}
	paths := &jsonPaths{}
	for i := range 2 * maxNodeSteps {
		paths.addPath("name" + strconv.Itoa(i))
	}
	if len(paths.paths) != maxNodeSteps {
		t.Errorf("%d paths", len(paths.paths))
	}
	body := []byte(`{"id":"1","type":"t","at":1600000000,"account":"me","to":"x","items":[` + strings.Repeat(`{"id":"2"},`, 100) + `0]}`)
	reader, err := Facts{EventID: []string{"{json:id}"}, EventType: []string{"{json:type}"}}.Reader(Covered{Body: true})
	if err != nil {
		t.Fatal(err)
	}
	var ev Event
	if err := reader.Read(&Request{Method: "POST", Body: body}, &ev); err != nil || ev.ID != "1" || ev.Type != "t" {
		t.Errorf("%+v, %v", ev, err)
	}
}
