package verifiers

import (
	"errors"
	"fmt"
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// Handshake is a request with which a provider tests an endpoint, and its answer. It is
// data: conditions and templates (see [Template]).
type Handshake struct {
	Name   string      // for logs and metrics, such as "url_verification"
	Method string      // "": POST
	When   []Condition // all of them make a request this handshake

	// Verified: the request is signed like an event, and is verified before it is
	// answered.
	Verified bool

	// Guard are conditions for answering: a token that only the provider has, the
	// alphabet and the length of a text that the answer repeats. If one does not hold,
	// the answer is Denied.
	Guard  []Condition
	Denied int // a status; 0: 403

	// Proof computes {proof} of the answer.
	Proof Proof

	Status int               // 0: 200
	Type   string            // the answer's media type; "": text/plain if there is a body
	Body   string            // a template; in JSON the text of tokens is escaped as part of a string
	Header map[string]string // templates

	// Enrols is a template for a secret that the request hands over. The store keeps
	// it, and only while the endpoint has the line `enrol`. Otherwise the request is
	// refused.
	Enrols string

	// Confirm is a template for a URL that has to be called once. Pin has regular
	// expressions, one of which the whole URL has to match.
	Confirm string
	Pin     []string
}

// Proof is a keyed or a plain hash with which an answer proves that the endpoint has
// the secret.
type Proof struct {
	Hash     string       // sha256 is the default
	Digest   bool         // a plain hash: Content has {secret}
	Secret   SecretFormat // how the key is made from the endpoint's first secret
	Content  string       // a template
	Encoding string       // hex is the default
}

// Handshakes are a row's handshakes with an endpoint's options and secrets,
// ready to answer. They are safe for concurrent use.
type Handshakes struct {
	all  []*handshake
	pool sync.Pool // of *reading
}

// handshake is a compiled [Handshake].
type handshake struct {
	name, method string
	verified     bool
	denied       int
	when, guard  []*condition
	readsJSON    bool
	options      map[string]string // of several values the first, which goes with the first secret
	*reply
}

// CompileHandshakes makes a row's handshakes ready. Proofs are made with the
// first of the secrets.
func CompileHandshakes(all []Handshake, options map[string]string, secrets ...string) (*Handshakes, error) {
	h := &Handshakes{pool: sync.Pool{New: func() any { return new(reading) }}}
	for _, data := range all {
		c, err := data.compile(options, secrets)
		if err != nil {
			return nil, fmt.Errorf("handshake %s: %w", data.Name, err)
		}
		h.all = append(h.all, c)
	}
	return h, nil
}

func (h Handshake) compile(options map[string]string, secrets []string) (*handshake, error) {
	c := &handshake{name: h.Name, method: h.Method, verified: h.Verified, denied: h.Denied, options: map[string]string{}}
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.denied == 0 {
		c.denied = http.StatusForbidden
	}
	for name, value := range options {
		c.options[name], _, _ = strings.Cut(value, " ")
	}
	var err error
	if c.when, err = compileConditions(h.When, options); err != nil {
		return nil, err
	}
	if c.guard, err = compileConditions(h.Guard, options); err != nil {
		return nil, err
	}
	if c.method == http.MethodPost && len(c.when) == 0 {
		return nil, errNoCondition
	}
	if c.reply, err = h.compileReply(options, secrets); err != nil {
		return nil, err
	}
	conditions := slices.Concat(c.when, c.guard)
	if err := h.checkProof(c.proof, conditions); err != nil {
		return nil, err
	}
	for _, condition := range conditions {
		c.readsJSON = c.readsJSON || condition.of.reads(fromJSON)
	}
	for _, t := range []*Template{c.body, c.enrols, c.confirm} {
		c.readsJSON = c.readsJSON || t != nil && t.reads(fromJSON)
	}
	return c, nil
}

var errNoCondition = errors.New("without a condition it would take every event for itself")

// Methods returns the methods of the handshakes.
func (h *Handshakes) Methods() (methods []string) {
	for _, c := range h.all {
		if !slices.Contains(methods, c.method) {
			methods = append(methods, c.method)
		}
	}
	return methods
}

// Verified reports whether a request of this method may be a handshake that is verified
// before it is answered.
func (h *Handshakes) Verified(method string) bool {
	return h != nil && slices.ContainsFunc(h.all, func(c *handshake) bool { return c.verified && c.method == method })
}

// Answer answers r if it is a handshake. Handshakes with Verified are answered only for
// a request that was verified, the others before.
func (h *Handshakes) Answer(r *Request, verified bool) (reply HandshakeReply, ok bool) {
	for _, c := range h.all {
		if c.verified != verified || c.method != r.Method {
			continue
		}
		in := h.pool.Get().(*reading)
		in.start(r)
		reply, ok = c.answer(in)
		if in.fault != nil { // the verifier meets it as well, and reports it
			reply, ok = HandshakeReply{}, false
		}
		in.stop()
		h.pool.Put(in)
		if ok {
			return reply, true
		}
	}
	return HandshakeReply{}, false
}

func (h *handshake) answer(in *reading) (HandshakeReply, bool) {
	if !allHold(h.when, in) || h.readsJSON && !in.validJSON() {
		return HandshakeReply{}, false
	}
	in.options = h.options
	answer := HandshakeReply{Name: h.name}
	err := errGuard
	if allHold(h.guard, in) {
		err = h.fill(in, &answer)
	}
	if err != nil {
		return HandshakeReply{Name: h.name, Status: h.denied, Denied: err.Error()}, true
	}
	return answer, true
}

var errGuard = errors.New("its token or challenge is not one that the endpoint expects")

// checkProof refuses a proof by which anybody could have any text signed. If the
// request is not signed itself, a condition has to limit everything that goes into a
// proof with the secret: to characters of which neither JSON, nor XML, nor a content
// with a time and a separator can be made.
func (h Handshake) checkProof(p *proof, conditions []*condition) error {
	if p == nil || h.Verified || h.Proof.Digest && !p.content.has("secret") {
		return nil
	}
	all := slices.Concat(h.When, h.Guard)
	for _, part := range p.content.parts {
		if part.kind == nil || part.name == "param" || part.name == "secret" {
			continue
		}
		held := false
		for i, c := range conditions {
			of := c.of.parts
			held = held || len(of) == 1 && of[0].name == part.name && of[0].arg == part.arg && harmless(all[i].Like)
		}
		if !held {
			return fmt.Errorf("the proof would sign any {%s:%s} for anybody: "+
				"a guard has to hold it to few characters and a length, as with [A-Za-z0-9_-]{1,128}", part.name, part.arg)
		}
	}
	return nil
}

// harmless reports whether an expression matches only short texts of letters, digits
// and the characters of base64.
func harmless(expression string) bool {
	re, err := syntax.Parse(expression, syntax.Perl)
	return expression != "" && err == nil && tame(re.Simplify(), 0)
}

func tame(re *syntax.Regexp, depth int) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return re.Flags&syntax.FoldCase == 0 && !slices.ContainsFunc(re.Rune, func(r rune) bool { return !plainRune(r) })
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if !plainRune(r) {
					return false
				}
			}
		}
		return true
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		return true
	case syntax.OpCapture, syntax.OpConcat, syntax.OpAlternate, syntax.OpQuest:
		return depth < 5000 && !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !tame(sub, depth+1) })
	}
	return false // any character, and any number of them
}

func plainRune(r rune) bool {
	return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+/=~", r))
}
