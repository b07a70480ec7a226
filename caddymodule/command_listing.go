package caddymodule

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

// listing is a row of the catalogue as it is shown.
type listing struct {
	Name      string           `json:"name"`
	Title     string           `json:"title"`
	Scheme    string           `json:"scheme"`
	Options   verifiers.Scheme `json:"options"`          // fields of the scheme
	Signed    string           `json:"signed,omitempty"` // the signed content, as a template
	Confirmed bool             `json:"confirmed"`        // by the provider's own source, documents or vector
	CanSign   bool             `json:"can_sign"`         // the commands sign and send work
	Secret    secretListing    `json:"secret"`           // what to paste
	Given     []optionListing  `json:"given,omitempty"`  // what is given besides, as subdirectives
	Time      string           `json:"time"`             // attempt, event or empty
	Tolerance tolerances       `json:"tolerance"`        // empty: the time is not enforced
	TimeWhy   string           `json:"time_why,omitempty"`
	Dedupe    dedupeListing    `json:"dedupe"`
	MaxBody   int64            `json:"max_body"`
	Methods   []string         `json:"methods"`

	Handshakes  []handshakeListing `json:"handshakes,omitempty"`
	Synchronous string             `json:"synchronous,omitempty"` // why it cannot be forwarded
	Answers     answersListing     `json:"answers"`
	Retries     retriesListing     `json:"retries"`
	Sources     map[string]string  `json:"sources,omitempty"` // of the facts about the sender's behaviour
	Assumed     []string           `json:"assumed,omitempty"` // the facts without a source
	AttemptID   string             `json:"attempt_id,omitempty"`
	Why         string             `json:"why,omitempty"`
	Docs        []string           `json:"docs,omitempty"`
	JudgedBy    []providers.Judge  `json:"judged_by"` // independent sources for the way of signing
}

type secretListing struct {
	Name     string `json:"name,omitempty"`
	Where    string `json:"where,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Learnt   bool   `json:"learnt,omitempty"`
	Prefix   string `json:"prefix,omitempty"`
}

type optionListing struct {
	Name     string `json:"name"`
	What     string `json:"what"`
	Required bool   `json:"required,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
	Many     bool   `json:"many,omitempty"`
	Paired   bool   `json:"paired,omitempty"`
	Example  string `json:"example,omitempty"`
}

type handshakeListing struct {
	Name     string `json:"name"`
	Method   string `json:"method"`
	Verified bool   `json:"verified"`
	Enrols   bool   `json:"enrols,omitempty"`
	Confirms bool   `json:"confirms,omitempty"`
}

type answersListing struct {
	Success answerListing `json:"success"`
	Refused answerListing `json:"refused"`
}

type answerListing struct {
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"`
}

type tolerances struct {
	Past   string `json:"past,omitempty"`
	Future string `json:"future,omitempty"`
}

type dedupeListing struct {
	By      string `json:"by"`
	Window  string `json:"window"`
	Replays string `json:"replays"`
	Why     string `json:"why,omitempty"`
}

type retriesListing struct {
	Deadline string `json:"deadline,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	Horizon  string `json:"horizon,omitempty"`
}

func listingOf(p verifiers.Provider) listing {
	replays := "allow"
	if p.Dedupe.UniqueBodies {
		replays = "refuse"
	}
	methods := p.Methods
	if methods == nil {
		methods = []string{"POST"}
	}
	_, signs := p.Scheme.(verifiers.Signer)
	sources, assumed := behaviourOf(p)
	scheme := verifiers.DescriptionOf(p.Scheme)
	return listing{
		Signed: scheme.Content, CanSign: signs, TimeWhy: p.Freshness.Why,
		Secret: secretListing(p.Secret), Given: optionsOf(p.Options),
		Handshakes: handshakesOf(p.Handshakes), Synchronous: p.Synchronous, AttemptID: p.AttemptID,
		Answers: answersListing{answerOf(p.Answers.Success, http.StatusOK), answerOf(p.Answers.Refused, http.StatusUnauthorized)},
		Name:    p.Name, Title: p.Title, Confirmed: p.Confirmed, Options: p.Scheme,
		Scheme:    scheme.Kind,
		Time:      string(p.Freshness.Origin),
		Tolerance: tolerances{span(p.Freshness.Tolerance.Past), span(p.Freshness.Tolerance.Future)},
		Dedupe:    dedupeListing{string(p.Dedupe.By), span(p.Dedupe.Window), replays, p.Dedupe.Why},
		MaxBody:   cmp.Or(p.MaxBody, defaultMaxBody), Methods: methods,
		Retries: retriesListing{span(p.Retries.Deadline), p.Retries.Attempts, span(p.Retries.Horizon)},
		Sources: sources, Assumed: assumed,
		Why: p.Why, Docs: p.Docs, JudgedBy: providers.Judges(p.Name),
	}
}

// behaviourOf returns the facts about the sender's behaviour with their sources, and the
// assumed ones.
func behaviourOf(p verifiers.Provider) (sources map[string]string, assumed []string) {
	sources = map[string]string{}
	for _, f := range p.Behaviour() {
		if f.Source == "" {
			assumed = append(assumed, f.Name)
		} else {
			sources[f.Name] = f.Source
		}
	}
	return sources, assumed
}

func optionsOf(all []verifiers.Option) (list []optionListing) {
	for _, o := range all {
		list = append(list, optionListing{o.Name, o.What, o.Required, o.Secret, o.Many, o.Paired, o.Example})
	}
	return list
}

func handshakesOf(all []verifiers.Handshake) (list []handshakeListing) {
	for _, h := range all {
		list = append(list, handshakeListing{
			h.Name, cmp.Or(h.Method, http.MethodPost), h.Verified, h.Enrols != "", h.Confirm != "",
		})
	}
	return list
}

func answerOf(a verifiers.Answer, status int) answerListing {
	return answerListing{cmp.Or(a.Status, status), a.Type, a.Body}
}

// span writes a duration without the zero units at its end.
func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
