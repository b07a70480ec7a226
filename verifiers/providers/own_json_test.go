package providers

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
)

// TestJSNumber compares with the result of JSON.stringify(JSON.parse(text)) in Node.
func TestJSNumber(t *testing.T) {
	for raw, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0.0e5": "0", "1": "1", "-1": "-1", "1.0": "1", "1.50": "1.5", "100": "100", "1e2": "100", "1E+2": "100",
		"0.000001": "0.000001", "0.0000001": "1e-7", "0.00000215": "0.00000215", "2.15e-6": "0.00000215", "-1.5e-7": "-1.5e-7",
		"123456789012345680000": "123456789012345680000", "1e20": "100000000000000000000", "1e21": "1e+21", "1.25e21": "1.25e+21", "1e100": "1e+100",
		"9007199254740993": "9007199254740992", "0.1": "0.1", "0.30000000000000004": "0.30000000000000004",
		"155.385597570000000001": "155.38559757", "5e-324": "5e-324", "1e-400": "0", "1e400": "null", "-1e400": "null",
		"1.7976931348623157e308": "1.7976931348623157e+308",
	} {
		if got := jsNumber(raw); got != want {
			t.Errorf("%s is %s, want %s", raw, got, want)
		}
	}
}

func TestSortedJSON(t *testing.T) {
	for _, c := range []struct {
		w          jsWriter
		text, want string
	}{
		{jsWriter{deep: true}, `{"b":{"d":1,"c":2},"a":[{"z":1,"y":2},3]}`, `{"a":[{"y":2,"z":1},3],"b":{"c":2,"d":1}}`},
		{jsWriter{}, `{"b":{"d":1,"c":2},"a":1}`, `{"a":1,"b":{"d":1,"c":2}}`},
		{jsWriter{deep: true, indexed: true}, `{"a":[5,"x"]}`, `{"a":{"0":5,"1":"x"}}`},
		{jsWriter{deep: true}, `{"b":1,"10":2,"9":3,"01":4,"-1":5}`, `{"9":3,"10":2,"-1":5,"01":4,"b":1}`},
		{jsWriter{}, ` { "a" : "\u00e9\ud83d\ude00\u2028\/\"\\\u001f\u007f\b" , "b" : [ ] } `, "{\"a\":\"é😀\u2028/\\\"\\\\\\u001f\u007f\\b\",\"b\":[]}"},
		{jsWriter{}, `[2,1,null,true]`, `[2,1,null,true]`},
		{jsWriter{}, `{"a":{},"":0}`, `{"":0,"a":{}}`},
		{jsWriter{}, `{"\uffee":1,"😀":2,"é":3,"é1":4,"😁":5}`, `{"é":3,"é1":4,"😀":2,"😁":5,"￮":1}`},
	} {
		if got, err := c.w.sorted(c.text); err != nil || got != c.want {
			t.Errorf("%s is\n %s, want\n %s (%v)", c.text, got, c.want, err)
		}
	}
	for _, text := range []string{
		`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":2}}`, `{"__proto__":{}}`,
		strings.Repeat("[", maxNesting+2) + strings.Repeat("]", maxNesting+2),
	} {
		if got, err := (jsWriter{}).sorted(text); verifiers.ReasonOf(err) != verifiers.MalformedBody {
			t.Errorf("%s is %s (%v)", text, got, err)
		}
	}
}

func TestRewrittenJSON(t *testing.T) {
	const text = " { \"a b\" : [ 1 , 2.0 , \"x \\\" y\\\\\" ] ,\r\n\t\"\" : null } "
	if got, want := minifiedJSON(text), `{"a b":[1,2.0,"x \" y\\"],"":null}`; got != want {
		t.Errorf("minified it is %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		`"/"`: `"\/"`, `"\/"`: `"\/"`, `"é"`: `"\u00e9"`, `"\u00E9"`: `"\u00e9"`, `"😀"`: `"\ud83d\ude00"`,
		`{"é/":1.0}`: `{"\u00e9\/":1.0}`, `"\t\u0001\"\\"`: `"\t\u0001\"\\"`,
	} {
		if got := phpJSON(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestPHPSerialized(t *testing.T) {
	got, err := phpSerialized([]verifiers.Pair{{Name: "b", Value: "é\""}, {Name: "p_signature", Value: "x"}, {Name: "a", Value: ""}})
	if want := `a:2:{s:1:"a";s:0:"";s:1:"b";s:3:"é"";}`; err != nil || got != want {
		t.Errorf("it is %s, want %s (%v)", got, want, err)
	}
	for _, name := range []string{"a[]", "a.b", "a b", "12", "", "a\x00"} {
		if _, err := phpSerialized([]verifiers.Pair{{Name: name}}); verifiers.ReasonOf(err) != verifiers.MalformedBody {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

func TestTwilioURLs(t *testing.T) {
	for received, want := range map[string][]string{
		"https://a.example/x":          {"https://a.example/x", "https://a.example:443/x"},
		"http://a.example?x":           {"http://a.example?x", "http://a.example:80?x", "http://a.example?x=", "http://a.example:80?x="},
		"https://a.example:8443/x":     {"https://a.example:8443/x", "https://a.example/x"},
		"https://[::1]/x":              {"https://[::1]/x", "https://[::1]:443/x"},
		"https://[::1]:8443/x":         {"https://[::1]:8443/x", "https://[::1]/x"},
		"https://u:p@a.example/x":      {"https://u:p@a.example/x", "https://u:p@a.example:443/x"},
		"https://a.example/x?b=%27+c":  {"https://a.example/x?b=%27+c", "https://a.example:443/x?b=%27+c", "https://a.example/x?b='%20c", "https://a.example:443/x?b='%20c"},
		"https://a.example/x?b=1&b=%2": {"https://a.example/x?b=1&b=%2", "https://a.example:443/x?b=1&b=%2"},
		"/x":                           {"/x"},
	} {
		if got := twilioURLs(received); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", received, got, want)
		}
	}
}

func TestContentfulPath(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example":              "/",
		"https://a.example/a?":           "/a",
		"https://a.example/a%20b?c=d&e=": "/a%2520b?c%253Dd%2526e%253D",
		"https://a.example/(a)?b=%2F":    "/(a)?b%253D%25252F",
	} {
		if got, err := contentfulPath(url); err != nil || got != want {
			t.Errorf("%s: %s, want %s (%v)", url, got, want, err)
		}
	}
	if _, err := contentfulPath("https://a.example/a?b?c"); verifiers.ReasonOf(err) != verifiers.MalformedSignature {
		t.Errorf("two question marks: %v", err)
	}
}
