package providers_test

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// tableRow is a provider as docs/providers.md shows it.
type tableRow struct {
	verifiers.Provider
	*evidence
}

const tableIntro = `# Providers

<!-- Written by: go test ./verifiers/providers -run TestTable -update -->

%s, and %d schemes for any other sender. The same, of the version that you run, is printed by
` + "`caddy webhook providers --json`" + `.

Each provider has a page of its own, with the lines of a Caddyfile and where the secret is found.

- **Confirmed** rows rest on the provider's own documents, source or example. The others rest on reports of its customers. Try them with real requests first;
  the gateway's log says at its start which ones are in use.
- **Judged by** names the judges that the tests ask: for %d providers an SDK signs requests that we verify, or verifies requests that we sign,
  for %d more there is a signed example that the provider published, for %d a signed request in somebody else's tests, and for the remaining %d a second implementation in another language makes the same signatures.
- **Signed** is a template of the signed content. Where it says *token*, the secret itself is sent and nothing is signed: anybody who has seen one request can make any other.
- **Time** says whose it is (the attempt's, or the event's, which a retry does not renew) and how old it may be.
  Where it is *none* or *not signed*, a captured request is recognised by its key alone.
- **Duplicates** says how an event is recognised, and for how long: longer than a signed time is accepted, and a week at the least where no time is signed.
  A repetition in the second half of that window starts it anew.
- **Assumed** names the facts about the sender's behaviour for which the row has no source:
  *retries* (how often and how long it tries), *deadline* (how long it waits for an answer), *answers* (the status and the body that it expects),
  *repeats* (that a retry has the same ID, or the same signed content), *largest* (its largest body), *handshakes*. The page of a provider has the sources of the others.
  An assumption never shortens a default. Where the retries are assumed, events are remembered for a week at least. Where the answers are, the gateway's plain 200 and 401 are given.

`

// table is docs/providers.md.
func table(rows []tableRow) string {
	var b strings.Builder
	c := countOf(rows)
	fmt.Fprintf(&b, tableIntro, "There are "+c.String(), c.schemes, c.sdk, c.vendor, c.fixture, c.independent)
	senders := func(r tableRow) bool { return !blank(r.Provider) }
	for _, part := range []struct {
		title string
		has   func(tableRow) bool
	}{
		{"## Senders", senders},
		{"## Schemes for any other sender", func(r tableRow) bool { return !senders(r) }},
	} {
		fmt.Fprintf(&b, "%s\n\n| provider | scheme | signed | time | event ID | duplicates | handshakes | assumed | confirmed | judged by |\n"+
			"|---|---|---|---|---|---|---|---|---|---|\n", part.title)
		for _, r := range rows {
			if part.has(r) {
				b.WriteString(r.line())
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("## The schemes one by one\n")
	for _, r := range rows {
		if !senders(r) {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s", r.Name, strings.TrimSpace(plain(r.Title)+". "+plain(r.Why)), r.facts())
		}
	}
	return b.String()
}

// line is the provider's line of the overview.
func (r tableRow) line() string {
	var handshakes []string
	for _, h := range r.Handshakes {
		handshakes = append(handshakes, plain(h.Name))
	}
	cells := []string{
		fmt.Sprintf("[`%s`](%s) %s", r.Name, when(blank(r.Provider), "#")+r.file(), plain(r.Title)),
		r.scheme(), r.signed(), r.time(), r.id(), r.duplicates(),
		cmp.Or(strings.Join(handshakes, ", "), "–"), r.assumed(), yesNo(r.Confirmed), r.judgedByShort(),
	}
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// facts are the lines of everything that the gateway does with a request.
func (r tableRow) facts() string {
	var b items
	b.add("Scheme", r.scheme(), r.place())
	b.add("Signed", r.signed(), when(strings.Contains(r.template(), "{"), "under the signature, where present: "+r.fields()))
	b.add("Secret", plain(r.Secret.Name), plain(r.Secret.Where), when(r.Secret.Optional, "optional"),
		when(r.Secret.Learnt, "learnt from the provider while the endpoint says `enrol`"), r.keys())
	for _, o := range r.Options {
		b.add("Option `"+o.Name+"`", when(o.Required, "required"), when(o.Many, "one or several"), when(o.Paired, "one for each secret"), plain(o.What))
	}
	b.add("Time", because(r.time()+when(r.finds().Timestamp.From != "", ", "+r.places(r.finds().Timestamp.From)), r.Freshness.Why))
	b.add("Event", when(r.id() != "–", "ID "+r.id()), when(len(r.finds().EventType) > 0, "type "+r.places(r.finds().EventType...)))
	b.add("Duplicates", because(r.duplicates()+when(r.Dedupe.UniqueBodies, "; a known body under a fresh ID is refused"), r.Dedupe.Why))
	b.add("Repeats", r.repeats())
	for _, h := range r.Handshakes {
		b.add("Handshake", plain(h.Name), cmp.Or(h.Method, http.MethodPost), when(h.Verified, "signed"),
			when(h.Enrols != "", "hands the secret over"), when(h.Confirm != "", "asks for a call in return"), r.source("handshakes"))
	}
	b.add("Methods", strings.Join(r.Methods, ", "))
	b.add("Answers", when(r.source("answers") != "" || r.Answers.Success != verifiers.Answer{}, answer("success", r.Answers.Success, http.StatusOK)),
		when(r.Answers.Refused != verifiers.Answer{}, answer("refused", r.Answers.Refused, http.StatusUnauthorized)), r.source("answers"))
	b.add("Retries", r.schedule(), r.source("retries"))
	b.add("Deadline", when(r.Retries.Deadline > 0, "each attempt waits "+span(r.Retries.Deadline)), r.source("deadline"))
	b.add("Largest body", when(r.Largest > 0, bytesText(r.Largest)), r.source("largest"))
	b.add("Needs the app's own answer", plain(r.Synchronous))
	b.add("Confirmed", yesNo(r.Confirmed))
	for _, j := range r.judges {
		b.add("Judged by", judgeText(j.Kind, j.By), j.Does, plain(j.Weakness))
	}
	for i, url := range r.Docs {
		if !slices.Contains(r.Docs[:i], url) {
			b.add("Source", url)
		}
	}
	return b.String()
}

// source tells where a fact about the sender's behaviour was read.
func (r tableRow) source(name string) string {
	for _, f := range r.Behaviour() {
		if f.Name == name {
			return cmp.Or(f.Source, "*assumed*")
		}
	}
	return ""
}

// assumed names the facts without a source.
func (r tableRow) assumed() string {
	var names []string
	for _, f := range r.Behaviour() {
		if f.Source == "" {
			names = append(names, f.Name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "–")
}

// schedule tells how often and how long the sender tries.
func (r tableRow) schedule() string {
	var parts []string
	switch n := r.Retries.Attempts; {
	case n == 1:
		parts = append(parts, "1 attempt")
	case n > 1:
		parts = append(parts, fmt.Sprintf("%d attempts", n))
	}
	if r.Retries.Horizon > 0 {
		parts = append(parts, "within "+span(r.Retries.Horizon))
	}
	return cmp.Or(strings.Join(parts, "; "), when(len(r.Behaviour()) > 0, "unknown"))
}

// repeats tells by what a retry is recognised.
func (r tableRow) repeats() string {
	source := r.source("repeats")
	switch {
	case source == "":
		return ""
	case r.Dedupe.By == verifiers.ByID:
		return "a retry has the ID of the first attempt; " + source
	}
	return "a retry has the signed content of the first attempt, but for its time; " + source
}

// items is a list in Markdown.
type items struct{ strings.Builder }

// add adds a line, unless all of its parts are empty.
func (b *items) add(name string, parts ...string) {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) > 0 {
		fmt.Fprintf(b, "- **%s**: %s\n", name, strings.Join(parts, "; "))
	}
}

// scheme names the way of signing.
func (r tableRow) scheme() string {
	hash := func(name string) string {
		return strings.ToUpper(strings.ReplaceAll(cmp.Or(name, "sha256"), "sha", "sha-"))
	}
	switch s := r.Scheme.(type) {
	case verifiers.HMAC:
		if s.Digest {
			return hash(s.Hash) + " with the secret inside"
		}
		return "HMAC " + strings.ReplaceAll(hash(s.Hash), ",", ", ")
	case verifiers.Token:
		return "token"
	case verifiers.PublicKey:
		if s.Algorithm == "ed25519" {
			return "Ed25519"
		}
		return strings.ToUpper(s.Algorithm) + " " + hash(s.Hash)
	case verifiers.JWT:
		return strings.TrimSpace("JWT " + strings.Join(s.Algorithms, ", "))
	}
	return "code of its own"
}

// template is the signed content, or empty where a scheme has none.
func (r tableRow) template() string {
	switch s := r.Scheme.(type) {
	case verifiers.HMAC:
		return r.places(s.Content)
	case verifiers.Token:
		return "*token*"
	case verifiers.PublicKey:
		return r.places(s.Content)
	case verifiers.JWT:
		parts := []string{"the token"}
		if s.Detached != "" {
			parts = []string{r.places(s.Detached)}
		}
		if s.BodyHash.Claim != "" {
			parts = append(parts, "`{body}` by the claim "+code(s.BodyHash.Claim))
		}
		if s.URLHash.Claim != "" {
			parts = append(parts, "`{url}` by the claim "+code(s.URLHash.Claim))
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

// signed is the signed content, or else the parts of an event that it covers.
func (r tableRow) signed() string { return cmp.Or(r.template(), r.fields(), "some fields") }

// fields are those that the vectors show to be under the signature.
func (r tableRow) fields() string {
	return strings.NewReplacer("id", "ID", "url", "URL", " ", ", ").Replace(signed(r.covered))
}

// id tells where the event's ID stands.
func (r tableRow) id() string {
	if r.template() == "" && r.identified && len(r.finds().EventID) == 0 {
		return "of several fields"
	}
	return cmp.Or(r.places(r.finds().EventID...), "–")
}

// place tells where the signature or the secret stands.
func (r tableRow) place() string {
	at := func(from string, names []string) string {
		if from == "bearer" || from == "basic" {
			return "`Authorization: " + strings.ToUpper(from[:1]) + from[1:] + "`"
		}
		return when(len(names) > 0, "in "+cmp.Or(from, "header")+" "+r.places(names...))
	}
	switch s := r.Scheme.(type) {
	case verifiers.HMAC:
		return at(s.Signature.From, s.Signature.Names)
	case verifiers.PublicKey:
		return at(s.Signature.From, s.Signature.Names)
	case verifiers.Token:
		return at(s.From, s.Names)
	case verifiers.JWT:
		return at(s.From, s.Names)
	}
	return ""
}

// places writes names or templates, with the first of the beginnings that a
// header's name may have.
func (r tableRow) places(all ...string) string {
	start := "*"
	switch s := r.Scheme.(type) {
	case verifiers.HMAC:
		start = append(s.Variants, start)[0]
	case verifiers.PublicKey:
		start = append(s.Variants, start)[0]
	}
	var list []string
	for _, text := range all {
		if rest, ok := strings.CutPrefix(text, "*"); ok {
			text = start + rest
		}
		list = append(list, code(strings.ReplaceAll(text, "{header:*", "{header:"+start)))
	}
	return strings.Join(list, " or ")
}

// keys tells where keys come from if the endpoint has none.
func (r tableRow) keys() string {
	switch s := r.Scheme.(type) {
	case verifiers.PublicKey:
		return when(s.Keys.URL != "", "fetched from "+code(s.Keys.URL)) + when(len(s.Static) > 0, "the provider's key is built in")
	case verifiers.JWT:
		return when(s.Keys.URL != "", "fetched from "+code(s.Keys.URL))
	}
	return ""
}

// finds tells where the scheme finds the time, the ID and the type.
func (r tableRow) finds() verifiers.Facts {
	return reflect.ValueOf(r.Scheme).FieldByName("Facts").Interface().(verifiers.Facts)
}

func (r tableRow) time() string {
	f := r.Freshness
	switch limit := f.Tolerance; {
	case limit == verifiers.Tolerance{} && r.expires:
		return "the token's end"
	case f.Origin == verifiers.NoTime:
		return "none"
	case limit == verifiers.Tolerance{}:
		return string(f.Origin) + "'s, not signed"
	case limit.Past == limit.Future:
		return string(f.Origin) + "'s, " + span(limit.Past)
	default:
		return fmt.Sprintf("%s's, %s (future: %s)", f.Origin, span(limit.Past), span(limit.Future))
	}
}

func (r tableRow) duplicates() string {
	d := r.Dedupe
	if d.By == verifiers.ByNothing {
		return "not recognised"
	}
	return fmt.Sprintf("by %s, %s", strings.Replace(string(d.By), "id", "ID", 1), span(d.Window))
}

func (r tableRow) judgedBy(kind string) bool {
	for _, j := range r.judges {
		if j.Kind == kind {
			return true
		}
	}
	return false
}

func (r tableRow) judgedByShort() string {
	var words []string
	for _, kind := range judgeKinds {
		if r.judgedBy(kind) {
			words = append(words, strings.ReplaceAll(kind, "sdk", "SDK"))
		}
	}
	return strings.Join(words, ", ")
}
