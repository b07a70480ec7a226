package providers_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// hostileTarget is something that reads a stranger's request.
type hostileTarget struct {
	name    string
	headers []string // that hold a signature
	base    func() *verifiers.Request
	read    func(*verifiers.Request)
}

// hostileTargets are every row of the catalogue, by a genuine request of each kind
// of it that there is, its handshakes, and every built-in scheme with its signature in
// every place.
func hostileTargets(t testing.TB) (all []hostileTarget) {
	vectors, err := genuine()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range vectors {
		var names []string
		for name := range v.request.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		shape := fmt.Sprint(v.provider.Name, len(v.request.Body) > 0 && strings.HasPrefix(string(v.request.Body), "{"), names)
		if seen[shape] {
			continue
		}
		seen[shape] = true
		verifier, err := v.scheme.Verifier(v.secrets...)
		if err != nil {
			t.Fatal(err)
		}
		headers := v.signatureHeaders()
		for _, name := range names {
			if lower := strings.ToLower(name); !slices.Contains(headers, name) && strings.Contains(lower, "sig") || lower == "content-digest" {
				headers = append(headers, name)
			}
		}
		all = append(all, hostileTarget{
			name: v.provider.Name + "/" + v.name, headers: headers,
			base: func() *verifiers.Request { return v.changed(func(*verifiers.Request) {}) },
			read: func(r *verifiers.Request) { verifier.Verify(context.Background(), r) },
		})
	}
	for _, p := range providers.All() {
		if !seenRow(all, p.Name) {
			t.Errorf("%s has no genuine request to start from", p.Name)
		}
		if len(p.Handshakes) == 0 {
			continue
		}
		h, err := verifiers.CompileHandshakes(p.Handshakes, optionsOf(p), handshakeSecret(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range p.Handshakes {
			all = append(all, hostileTarget{
				name: p.Name + "/handshake " + data.Name,
				base: func() *verifiers.Request { return asked(data, optionsOf(p), "abcdef0123456789abcdef") },
				read: func(r *verifiers.Request) { h.Answer(r, data.Verified) },
			})
		}
	}
	return append(all, hostileSchemes(t)...)
}

func seenRow(all []hostileTarget, row string) bool {
	return slices.ContainsFunc(all, func(to hostileTarget) bool { return strings.HasPrefix(to.name, row+"/") })
}

// hostileSchemes are the built-in schemes as users describe them, with every token
// in the signed content and every place of the signature.
func hostileSchemes(t testing.TB) (all []hostileTarget) {
	facts := verifiers.Facts{
		Timestamp: verifiers.Timestamp{From: "{query:t}"},
		EventID:   []string{"{form:id}{json:a.b}", "{json:a}"},
		Document:  []string{"{form:payload}"},
		Require:   []verifiers.Condition{{Of: "{form:id}", Absent: true}, {Of: "{body}", Begins: "a"}},
	}
	content := "{timestamp}{body}{body.base64}{body.sha256.hex}{url.decoded}{query.sorted}{query}{host}{path}"
	for _, from := range []string{"header", "query", "form", "json"} {
		name := "sig"
		if from == "header" {
			name = "X-Sig"
		}
		signature := verifiers.Signature{From: from, Names: []string{name, name + "2"}, Separator: ",", Assign: "=", Keys: []string{"v1"}}
		token := verifiers.Token{From: from, Names: signature.Names, Facts: facts}
		for kind, scheme := range map[string]verifiers.Scheme{
			"hmac":        verifiers.HMAC{Signature: signature, Content: content, Facts: facts},
			"hmac form":   verifiers.HMAC{Signature: signature, Content: "{form:a}{form.sorted}"},
			"hmac json":   verifiers.HMAC{Signature: signature, Content: "{json:a.b}{json:a}{json:0}"},
			"hmac groups": verifiers.HMAC{Signature: verifiers.Signature{From: from, Names: []string{name}, Groups: " ", Separator: ",", Keys: []string{"0"}}, Content: "{body}"},
			"hmac repeated": verifiers.HMAC{Content: "{body}", Facts: verifiers.Facts{Inflate: true}, Signature: verifiers.Signature{
				From: from, Names: []string{name}, Repeated: from == "header", Separator: ",", Keys: []string{"*"}, Assign: "=",
			}},
			"token":   token,
			"ed25519": verifiers.PublicKey{Algorithm: "ed25519", Signature: signature, Content: content, Facts: facts},
			"ecdsa":   verifiers.PublicKey{Algorithm: "ecdsa", Signature: signature, Content: content, Facts: facts},
			"rsa":     verifiers.PublicKey{Algorithm: "rsa", Signature: signature, Content: content, Facts: facts},
			"jwt":     verifiers.JWT{From: from, Names: signature.Names, Algorithms: []string{"HS256"}, BodyHash: verifiers.ClaimHash{Claim: "h"}, Facts: facts},
			"jwt detached": verifiers.JWT{From: from, Names: signature.Names, Algorithms: []string{"HS256"},
				Detached: "{body}", Facts: verifiers.Facts{EventID: []string{"{json:id}"}}},
		} {
			v, ok := compiledWithAny(scheme)
			if !ok {
				t.Errorf("%s in %s: no secret fits", kind, from)
				continue
			}
			all = append(all, hostileTarget{
				name: kind + " in " + from, headers: []string{"X-Sig"},
				base: func() *verifiers.Request { return hostileBase(from) },
				read: func(r *verifiers.Request) { v.Verify(context.Background(), r) },
			})
		}
	}
	return all
}

// compiledWithAny compiles a scheme with the first secret that it takes.
func compiledWithAny(scheme verifiers.Scheme) (verifiers.Verifier, bool) {
	for _, c := range credentials() {
		if v, err := scheme.Verifier(c.secret); err == nil {
			return v, true
		}
	}
	v, err := scheme.Verifier("a-secret")
	return v, err == nil
}

// hostileBase is a request with a signature in one place that is well formed and
// wrong.
func hostileBase(from string) *verifiers.Request {
	const signature = "v1=" + "00"
	r := &verifiers.Request{Method: "POST", URL: "https://hooks.example.com/in?t=1700000000", Header: http.Header{}}
	switch from {
	case "header":
		r.Header.Set("X-Sig", signature)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = []byte("a=b&c=d")
	case "query":
		r.URL += "&sig=v1%3D00"
	case "form":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = []byte("id=1&payload={}&sig=v1%3D00")
	case "json":
		r.Body = []byte(`{"a":{"b":1},"sig":"` + signature + `"}`)
	}
	return r
}

// hostileCase is a request for a target.
type hostileCase struct {
	name string
	make func() *verifiers.Request
}

// hostileSeries makes the requests for a target in one size. The n-th of each size
// have the same name.
func (to hostileTarget) series(n int, texts *hostileSet) (all []hostileCase) {
	add := func(name string, change func(r *verifiers.Request)) {
		all = append(all, hostileCase{name, func() *verifiers.Request {
			r := to.base()
			change(r)
			return r
		}})
	}
	body := func(kind string, all []hostileText) {
		for _, text := range all {
			add(kind+" "+text.name, func(r *verifiers.Request) {
				r.Body = []byte(text.String())
				r.Header.Del("Content-Encoding")
				if strings.HasPrefix(text.text, "\x1f\x8b") {
					r.Header.Set("Content-Encoding", "gzip")
				}
				if strings.HasPrefix(text.text, "--") {
					r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				}
			})
		}
	}
	base := string(to.base().Body)
	body("body", texts.texts)
	body("body", texts.documents)
	body("body", texts.bodies)
	if strings.HasPrefix(base, "{") {
		body("member", hostileMembers(base, texts.few))
	} else {
		for _, text := range texts.texts {
			body("after", []hostileText{{name: text.name, lazy: func() string { return base + "&" + text.text }}})
		}
		body("field", hostileForms(base, texts.few))
		body("field", hostileForms(base, texts.fewPacked))
	}
	for i, text := range texts.short {
		add("query "+text.name, func(r *verifiers.Request) { r.URL, _, _ = strings.Cut(r.URL, "?"); r.URL += "?" + text.text })
		for _, header := range to.headers {
			add(header+" "+text.name, func(r *verifiers.Request) { r.Header[header] = []string{text.text} })
			add(header+" after "+text.name, func(r *verifiers.Request) {
				r.Header[header] = []string{r.Header.Get(header) + text.text}
			})
		}
		if i%6 != len(to.name)%6 {
			// The rest is tried by some targets each.
			continue
		}
		add("query after "+text.name, func(r *verifiers.Request) {
			if !strings.Contains(r.URL, "?") {
				r.URL += "?x=1"
			}
			r.URL += "&" + text.text
		})
		add("path "+text.name, func(r *verifiers.Request) { r.URL = "https://hooks.example.com/" + text.text })
		for _, header := range to.headers {
			add(header+" before "+text.name, func(r *verifiers.Request) {
				r.Header[header] = []string{text.text + r.Header.Get(header)}
			})
		}
		add("type "+text.name, func(r *verifiers.Request) { r.Header["Content-Type"] = []string{"multipart/form-data;" + text.text} })
	}
	for _, header := range to.headers {
		add("many "+header, func(r *verifiers.Request) {
			r.Header[header] = slices.Repeat([]string{r.Header.Get(header)}, n/20)
		})
	}
	add("many headers", func(r *verifiers.Request) {
		for i := range n / 20 {
			r.Header[fmt.Sprint("X-", i)] = []string{"1"}
		}
	})
	return all
}

// hostileSet are the texts of one size.
type hostileSet struct{ texts, documents, bodies, few, fewPacked, short []hostileText }

func newHostileSet(n int) *hostileSet {
	set := &hostileSet{texts: hostileTexts(n), documents: hostileDocuments(n), bodies: hostileBodies(n), short: hostileTexts(n)}
	for _, d := range set.documents {
		if slices.Contains([]string{"names", "numbers", "escaped", "half pairs", "text", "deep arrays 30", "deep and wide 1000", "names turned"}, d.name) {
			set.few = append(set.few, d)
		}
	}
	set.fewPacked = base64Of([]hostileText{
		{name: "elements", text: "<notification>" + repeated("<a></a>", n/2/7*7) + "</notification>"},
		{name: "open elements", text: repeated("<a>", n/2)},
		{name: "attributes", text: "<a " + numbered(`a%d="1" `, n/2) + "/>"},
	})
	for i := range set.fewPacked {
		set.fewPacked[i].text += "\n"
	}
	set.few = append(set.few, hostileText{name: "one|letters", text: "integration_public_key|" + repeated("00&integration_public_key|", n)})
	return set
}

// cost is the time of one reading, at best of several, and the memory it made.
func cost(read func(*verifiers.Request), r *verifiers.Request, times int) (best time.Duration, made, counted int64) {
	best, made = time.Hour, math.MaxInt64
	r.Grow = func(n int64) error { counted += n; return nil }
	for range times {
		counted = 0
		before := allocated()
		start := threadTime()
		read(r)
		best = min(best, threadTime()-start)
		made = min(made, allocated()-before) // whatever else the process allocates meanwhile only adds
	}
	return best, made, counted
}

var allocatedSample = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}

func allocated() int64 {
	metrics.Read(allocatedSample)
	return int64(allocatedSample[0].Value.Uint64())
}

// sizeOf is the size of a request as its sender counts it.
func sizeOf(r *verifiers.Request) int {
	n := len(r.URL) + len(r.Body)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// TestHostile gives hostile requests to every row, handshake and scheme. No work on
// them may grow faster than they do, and their copies in memory are a small
// multiple of their size, or were asked for.
//
// A first pass in one size finds the suspicious ones; these are measured in two.
func TestHostile(t *testing.T) {
	const small, large = 8 << 10, 64 << 10
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The time of a linear walk over a request with a few allocations on this machine,
	// in this build.
	set := newHostileSet(small)
	targets := hostileTargets(t)
	step := referenceStep(small)
	t.Logf("%d targets; a byte takes %v at most", len(targets), step)
	cases, examined := 0, 0
	var big *hostileSet
	start := threadTime()
	for _, to := range targets {
		all := to.series(small, set)
		cases += len(all)
		var larger []hostileCase
		for i, c := range all {
			if underRace && i%12 != len(to.name)%12 {
				continue // the detector makes it slow; make test runs all of it without
			}
			r := c.make()
			if !suspicious(to.read, r, step, 1) || !suspicious(to.read, r, step, 3) {
				continue
			}
			examined++
			if big == nil {
				big = newHostileSet(large)
			}
			if larger == nil {
				larger = to.series(large, big)
			}
			if why := grows(to.read, r, larger[i].make(), step); why != "" {
				t.Errorf("%s: %s: %s", to.name, c.name, why)
			}
		}
	}
	t.Logf("%d requests, of which %d were measured again, in %v", cases, examined, (threadTime() - start).Round(time.Millisecond))
	if len(set.texts) < 50 || cases < 50*len(targets) {
		t.Error("too few patterns")
	}
}

// suspicious tells whether a request takes more than most do for their size.
func suspicious(read func(*verifiers.Request), r *verifiers.Request, step time.Duration, times int) bool {
	size := int64(sizeOf(r))
	took, made, counted := cost(read, r, times)
	return took > time.Duration(size)*step || made > 3*size+counted+(128<<10) || counted > 32*size+(64<<10)
}

// grows compares the cost of a request in two sizes. It measures again where the
// machine may have been busy with other things.
func grows(read func(*verifiers.Request), small, large *verifiers.Request, step time.Duration) (why string) {
	ratio := float64(sizeOf(large)) / float64(sizeOf(small))
	for range 3 {
		a, _, _ := cost(read, small, 5)
		b, made, counted := cost(read, large, 2)
		size := int64(sizeOf(large))
		switch {
		case float64(b) > 3*ratio*float64(a) && b > time.Duration(size)*step:
			why = fmt.Sprintf("%d bytes take %v, and %d take %v", sizeOf(small), a, sizeOf(large), b)
		case b > time.Duration(size)*20*step+50*time.Millisecond: // which public keys take
			why = fmt.Sprintf("%d bytes take %v", size, b)
		case underRace: // which takes memory of its own
			return ""
		case made > 24*size+counted+(256<<10): // of names with escapes a copy is made, and forgotten, for each value that is looked up
			why = fmt.Sprintf("%d bytes become %d in memory, of which %d were asked for", size, made, counted)
		case made > 3*size+counted+(256<<10) && !bytes.Contains(large.Body, []byte(`"\u0041"`)):
			why = fmt.Sprintf("%d bytes become %d in memory, of which %d were asked for", size, made, counted)
		case counted > 32*size+(256<<10) && large.Header.Get("Content-Encoding") == "":
			why = fmt.Sprintf("for %d bytes %d are asked for", size, counted)
		default:
			return ""
		}
	}
	return why
}

// referenceStep is the time that a byte may take in the first pass: many times of
// that for checking it as JSON.
func referenceStep(n int) time.Duration {
	text := []byte("[" + repeated(`{"a":"b"},`, n/10*10) + "0]")
	best := time.Hour
	for range 20 {
		start := threadTime()
		verifiers.ValidJSON(text)
		best = min(best, threadTime()-start)
	}
	return max(best*8/time.Duration(len(text)), 15*time.Nanosecond)
}

// TestCheapRefusals leaves the signature's header out of a request with a large body,
// or puts nonsense there. No row may read the body to refuse that.
func TestCheapRefusals(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	body := []byte(`{"a":[` + repeated(`{"b":"c&d=e"},`, 14<<17) + "0]}")
	form := []byte("a=" + repeated("%41", 1<<20))
	cheap := time.Hour // half the time of reading it once
	for range 5 {
		start := threadTime()
		verifiers.ValidJSON(body)
		cheap = min(cheap, (threadTime()-start)/2)
	}
	checked := 0
	for _, to := range hostileTargets(t) {
		r := to.base()
		if len(to.headers) == 0 || r.Header.Get(to.headers[0]) == "" {
			continue
		}
		checked++
		r.Body = body
		for what, change := range map[string]func(name string){
			"without":          func(name string) { r.Header.Del(name) },
			"with a malformed": func(name string) { r.Header[name] = []string{"\x01"} },
		} {
			for _, name := range to.headers {
				change(name)
			}
			took, made, counted := cost(to.read, r, 5)
			if took > cheap || made > 64<<10 || counted > 0 {
				t.Errorf("%s: %s %v it takes %v and %d bytes of memory", to.name, what, to.headers, took, made)
			}
		}
		// A header that is needed, and is malformed while the others are sound, may take the
		// hash of the body, since it can be a part of what is signed, but no copy of it.
		for _, name := range to.headers {
			if strings.HasSuffix(strings.ToLower(name), "nonce") {
				continue // no text is a malformed one
			}
			for _, body := range [][]byte{body, form} {
				r := to.base()
				r.Body = body
				r.Header.Del(name)
				if _, made, counted := cost(to.read, r, 1); made > 64<<10 || counted > 0 {
					continue
				}
				r.Header[name] = []string{"\x01"}
				if took, made, counted := cost(to.read, r, 5); made > 64<<10 || counted > 0 {
					t.Errorf("%s: with a malformed %s alone it takes %v and %d bytes of memory", to.name, name, took, made)
				}
			}
		}
	}
	t.Logf("%d requests; %v is cheap", checked, cheap)
	if checked < 100 {
		t.Error("too few rows")
	}
}
