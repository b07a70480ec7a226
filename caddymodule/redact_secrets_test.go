package caddymodule

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/hookwicket/hookwicket/adminapi"
)

// everyByte writes each byte of a secret in a format.
func everyByte(format string) func(secret string) string {
	return func(secret string) string {
		var b strings.Builder
		for _, c := range []byte(secret) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

// everyUTF16 writes each unit of a secret in UTF-16.
func everyUTF16(secret string) string {
	var b strings.Builder
	for _, c := range utf16.Encode([]rune(secret)) {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}

// everyRune writes each character of a secret in a format.
func everyRune(format string) func(secret string) string {
	return func(secret string) string {
		var b strings.Builder
		for _, c := range secret {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

// escapedBut escapes the bytes that are no letters, digits or among those that stay.
func escapedBut(stay, format string) func(secret string) string {
	return func(secret string) string {
		var b strings.Builder
		for _, c := range []byte(secret) {
			if c >= '0' && c <= '9' || c|' ' >= 'a' && c|' ' <= 'z' || strings.IndexByte(stay, c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, format, c)
			}
		}
		return b.String()
	}
}

// secretDresses are the ways in which programs and people write a secret.
var secretDresses = map[string]func(secret string) string{
	"plain":                 func(s string) string { return s },
	"Go query":              url.QueryEscape,
	"Go path":               url.PathEscape,
	"Python quote":          escapedBut("/_.-~", "%%%02X"),
	"JS encodeURIComponent": escapedBut("-_.!~*'()", "%%%02X"),
	"JS encodeURI":          escapedBut("-_.!~*'();/?:@&=+$,#", "%%%02X"),
	"Java":                  escapedBut("-_.*", "%%%02X"),
	"small digits":          escapedBut("-_.", "%%%02x"),
	"needless":              escapedBut("", "%%%02X"),
	"all escaped":           everyByte("%%%02X"),
	"all escaped small":     everyByte("%%%02x"),
	"escaped twice":         func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"one letter":            func(s string) string { return s[:4] + fmt.Sprintf("%%%02x", s[4]) + s[5:] },
	"mixed":                 func(s string) string { return escapedBut("", "%%%02X")(s[:9]) + escapedBut("", "%%%02x")(s[9:]) },
	"JSON":                  func(s string) string { return strings.Trim(inString(s), `"`) },
	"PHP's JSON":            func(s string) string { return strings.ReplaceAll(strings.Trim(inString(s), `"`), "/", `\/`) },
	"JSON escapes":          everyUTF16,
	"Python's repr":         everyByte(`\x%02x`),
	"HTML":                  html.EscapeString,
	"HTML numbers":          everyRune("&#%d;"),
	"HTML hex":              everyRune("&#x%02X;"),
	"URL in JSON":           func(s string) string { return strings.Trim(inString(url.QueryEscape(s)), `"`) },
	"JSON in URL":           func(s string) string { return url.QueryEscape(strings.ReplaceAll(s, "/", `\/`)) },
	"JSON in JSON":          func(s string) string { return strings.Trim(inString(inString(s)), `"`) },
	"hex":                   func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":                   func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"base64":                func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64url":             func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("user:" + s)) },
	"base64 in URL":         func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("ab" + s))) },
	"without its prefix":    func(s string) string { return strings.TrimPrefix(s, "whsec_") },
	"without it, in URL":    func(s string) string { return url.QueryEscape(strings.TrimPrefix(s, "whsec_")) },
	"without it, in base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.TrimPrefix(s, "whsec_")))
	},
	"within something":       func(s string) string { return "%2B%" + s + "%" },
	"behind a broken escape": func(s string) string { return `%4\u00&#x;` + s },
}

// hardSecrets have every character that an encoding may leave or change.
var hardSecrets = []string{
	`whsec_xa\+2a\\ +ypu/abpy`,
	"whsec_SuperSecretOne/12+xyz", "whsec_a%2Bb%41/c+d e&f", `whsec_(q)*u!o~t'e"s\n<&amp;>`, "whsec_\u00e9t\u00e9/\U0001F511+=key==", "whsec_%25%2525+%2B+100%%",
}

// TestRedactSecretDresses: a secret is hidden in every dress, wherever it stands. Nothing
// around it is lost.
func TestRedactSecretDresses(t *testing.T) {
	for _, secret := range hardSecrets {
		r := newRedactor(nil)
		r.hideSecret(secret)
		for name, wear := range secretDresses {
			worn := wear(secret)
			for where, shown := range map[string]string{
				"text":   r.text("(" + worn + ")"),
				"URI":    strings.TrimPrefix(r.uri("/a?x="+worn), "/a?x="),
				"header": r.header(http.Header{"X-A": {worn}})["X-A"][0],
				"body":   string(r.body([]byte(`{"x":"`+worn+`"}`), nil)),
				"answer": r.answer("no: " + worn),
			} {
				// The ends of base64 depend on the neighbours, so up to 16 bytes may be left.
				left := strings.Replace(shown, redacted, "", 1)
				if !strings.Contains(shown, redacted) || len(left) > 24 {
					t.Errorf("%q, %s, %s: %s shows as %s", secret, name, where, worn, shown)
				}
			}
			if shown := r.text("before=1&" + worn + "&after=%2"); !strings.HasPrefix(shown, "before=1&") || !strings.HasSuffix(shown, "&after=%2") {
				t.Errorf("%q, %s: %s", secret, name, shown)
			}
		}
	}
	r := newRedactor(nil)
	r.hideSecret("hooks:correct-horse")
	r.hideSecret("me:short")
	r.hideSecret("sk_live_0123456789abcdef")
	for in, want := range map[string]string{
		"x=correct-horse":       "x=" + redacted,
		"hooks:correct%2Dhorse": redacted,
		"short":                 "short",
		"live_0123456789abcdef": redacted,
		"a=0123456789abcdef.":   "a=" + redacted + ".",
		"sk_live_":              "sk_live_",
		"%00%2B+&lt;\\n\\":      "%00%2B+&lt;\\n\\",
	} {
		if got := r.text(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestRedactCutSecret: half a secret at the end of a body that is not whole is cut off, in
// every dress.
func TestRedactCutSecret(t *testing.T) {
	const secret = "whsec_SuperSecretOne/12+xyz"
	r := newRedactor(nil)
	r.hideSecret(secret)
	for name, worn := range map[string]string{
		"plain": secret, "all escaped": everyByte("%%%02x")(secret), "JSON escapes": everyUTF16(secret), "HTML": everyRune("&#%d;")(secret),
		"hex": hex.EncodeToString([]byte(secret)),
	} {
		for n := 1; n < len(worn); n++ {
			body := strings.Repeat("z", 5000) + worn[:n]
			if left := string(r.trimEnd([]byte(body))); left != body[:5000] {
				t.Fatalf("%s: of %s is left %s", name, worn[:n], left[min(5000, len(left)):])
			}
		}
	}
	if left := string(r.trimEnd([]byte("a=1 and more"))); left != "a=1 and more" {
		t.Error(left)
	}
}

// TestRedactSecretsHostile: a search takes time in proportion to the text, whatever it is.
func TestRedactSecretsHostile(t *testing.T) {
	r := newRedactor(nil)
	for _, secret := range append(hardSecrets, strings.Repeat("a", 4000)+"b", strings.Repeat("%25", 1000)) {
		r.hideSecret(secret)
	}
	for _, piece := range []string{"%", "%25", "%2", "25%", `\`, `\u0025`, `\\`, "&", "&amp;", "&#", "&#38;", "+", "a", "whsec_", "%61", "whsec_SuperSecretOne/12+xyz", "%2525"} {
		took := func(n int) time.Duration {
			text := []byte(strings.Repeat(piece, n/len(piece)))
			best := time.Hour
			for range 2 {
				begin := time.Now()
				r.bytes(text)
				r.trimEnd(text)
				best = min(best, time.Since(begin))
			}
			return best
		}
		small, large := took(1<<13), took(1<<17)
		if large > 16*8*max(small, 2*time.Millisecond) {
			t.Errorf("%s: %s for 8 KiB, %s for 128 KiB", piece, small, large)
		}
	}
}

// FuzzRedactSecret: whatever mixture of escapes writes a secret, it is hidden, and the text
// around it stays.
func FuzzRedactSecret(f *testing.F) {
	for _, secret := range hardSecrets {
		f.Add("a=%", secret, "&b", []byte{0, 1, 2, 3, 4})
	}
	f.Fuzz(func(t *testing.T, before, secret, after string, how []byte) {
		secret = strings.TrimSpace(secret)
		if len(secret) < 6 || len(how) == 0 {
			return
		}
		var worn strings.Builder
		for i, c := range []byte(secret) {
			forms := []string{"%%%02X", "%%%02x", `\x%02x`}
			if c < 0x80 {
				forms = append(forms, `\u%04X`, "&#%d;")
			}
			format := "%c"
			if k := int(how[i%len(how)]) % (len(forms) + 1); k < len(forms) {
				format = forms[k]
			} else if c >= 0x80 || strings.IndexByte(`%\&+`, c) >= 0 {
				format = "%%%02X"
			}
			fmt.Fprintf(&worn, format, c)
		}
		r := newRedactor(nil)
		r.hideSecret(secret)
		if shown := r.text(" " + worn.String() + " "); !strings.Contains(shown, redacted) {
			t.Errorf("%q shows as %q", worn.String(), shown)
		}
		r.text(before + worn.String() + after)
		r.trimEnd([]byte(before + worn.String()))
	})
}

// TestTailHidesAll: no stream shows a secret of any endpoint, in any text of a stranger: the
// live stream, the one of a page that is for one endpoint, and what goes through the
// database.
func TestTailHidesAll(t *testing.T) {
	const token, signing = "query-token-0123456789", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	app := newUpstream(t)
	github, stripe := by("github"), by("stripe")
	g, c := startAdmin(t, setup{site: github.directive("forward "+app.addr) + stripe.directive("sign_with "+signing+"\n forward "+app.addr) +
		"webhook_gateway /basic token {\n secret hooks:correct-horse-battery\n name basic\n token basic\n forward " + app.addr + "\n}\n" +
		"webhook_gateway /query token {\n secret " + token + "\n name query\n token query k\n forward " + app.addr + "\n}\n" +
		"webhook_gateway_inspector /hooks/* {\nby off\nendpoints github\n}\n"})
	secrets := []string{github.secret, stripe.secret, signing, "correct-horse-battery", token, strings.TrimPrefix(signing, "whsec_")}
	live := c.stream("/tail", "?outcome=refused")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + g.addr + "/hooks/api/tail?outcome=refused")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page := bufio.NewReader(resp.Body)
	ofPage := func() string {
		t.Helper()
		for {
			line, err := page.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				return data
			}
		}
	}
	for name, wear := range map[string]func(string) string{
		"plain": secretDresses["plain"], "base64": secretDresses["base64"], "base64url": secretDresses["base64url"], "hex": secretDresses["hex"],
		"Python quote": secretDresses["Python quote"], "all escaped": secretDresses["all escaped"],
	} {
		for i, secret := range secrets {
			worn := wear(secret)
			hidden := worn[4 : len(worn)-6] // the ends of base64 depend on the neighbours
			uri := "/github?t=1&u=" + worn + "&v=x"
			g.expect(401, post(uri, "{}", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64), "X-GitHub-Event", worn, "X-GitHub-Delivery", worn))
			_, e := live.next()
			for where, text := range map[string]string{"tail": fmt.Sprint(e), "page": ofPage()} {
				if strings.Contains(text, hidden) || !strings.Contains(text, "/github?t=1") {
					t.Errorf("%s, secret %d, %s: %s", name, i, where, text)
				}
			}
			for _, endpoint := range []string{"github", "gone"} {
				e := adminapi.Event{
					Endpoint: endpoint, EventID: worn, EventType: "type " + worn, Detail: "detail " + worn, Method: "M" + worn,
					Error: "HTTP status 500: " + worn, URI: uri,
				}
				other := e
				forRelay(&e)
				runningApp().showing(endpoint).event(&other)
				for where, text := range map[string]string{"relay": fmt.Sprint(e), "stream": fmt.Sprint(other)} {
					if strings.Contains(text, hidden) || !strings.Contains(text, redacted) {
						t.Errorf("%s, secret %d, %s of %s: %s", name, i, where, endpoint, text)
					}
				}
			}
		}
	}
}
