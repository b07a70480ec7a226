package verifiers

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// maxReply limits the bytes of a request that an answer may repeat. The longest known
// challenge has some hundred bytes.
const maxReply = 8 << 10

// HandshakeReply is the answer to a request that is a [Handshake].
type HandshakeReply struct {
	Name   string // of the handshake
	Status int
	Type   string // of Body
	Header http.Header
	Body   []byte

	// Denied is why a guard refused the request. The answer is then Status and nothing
	// else. The text is for logs and contains nothing of the request.
	Denied string

	// Enrol is a secret to be kept before the answer is given.
	Enrol string

	// Confirm is a URL to be called before the answer is given. It matches one of
	// the expressions of Pin.
	Confirm string
	Pin     []string
}

// A Handshaker is a [Verifier] that answers handshakes which data cannot describe. It
// is called before a request is verified, for any method, and returns false for any
// other request. An error means that the gateway could not answer and that the sender
// should try again.
type Handshaker interface {
	Handshake(r *Request) (reply HandshakeReply, ok bool, err error)
}

// reply is the compiled answer of a [Handshake].
type reply struct {
	status  int
	kind    string // media type
	json    bool
	body    *Template
	header  map[string]*Template
	proof   *proof
	enrols  *Template
	confirm *Template
	pin     []string
	pins    []*regexp.Regexp
}

// replyTemplate parses a template of an answer. An answer also has the proof, as a
// parameter.
func replyTemplate(text string) (*Template, error) {
	return ParseTemplate(strings.ReplaceAll(text, "{proof}", "{param:proof}"))
}

func (h Handshake) compileReply(options map[string]string, secrets []string) (*reply, error) {
	c := &reply{status: h.Status, kind: h.Type}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	var err error
	if c.body, err = replyTemplate(h.Body); err != nil {
		return nil, err
	}
	if c.kind == "" && h.Body != "" {
		c.kind = "text/plain; charset=utf-8"
	}
	if c.kind != "" {
		kind, _, err := mime.ParseMediaType(c.kind)
		if err != nil {
			return nil, fmt.Errorf("type %q: %w", c.kind, err)
		}
		c.json = kind == "application/json" || strings.HasSuffix(kind, "+json")
		if !c.json && kind != "text/plain" && !c.body.constant() {
			return nil, fmt.Errorf("type %q: an answer that repeats a request is plain text or JSON", c.kind)
		}
	}
	c.header = make(map[string]*Template)
	for name, text := range h.Header {
		if c.header[canonical(name)], err = replyTemplate(text); err != nil {
			return nil, err
		}
	}
	if c.proof, err = h.Proof.compile(secrets); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if h.Enrols != "" {
		if c.enrols, err = replyTemplate(h.Enrols); err != nil {
			return nil, err
		}
	}
	if h.Confirm == "" {
		return c, nil
	}
	if c.confirm, err = replyTemplate(h.Confirm); err != nil {
		return nil, err
	}
	if len(h.Pin) == 0 {
		return nil, errors.New("a URL from the request that nothing pins is not called")
	}
	c.pin = h.Pin
	for _, pin := range h.Pin {
		re, err := regexp.Compile(`\A(?:` + pin + `)\z`)
		if err != nil {
			return nil, err
		}
		c.pins = append(c.pins, re)
	}
	return c, nil
}

// fill makes the answer to a request. Its error is the reason to deny it.
func (c *reply) fill(in *reading, to *HandshakeReply) error {
	if c.proof != nil {
		text, err := c.proof.of(in)
		if err != nil {
			return err
		}
		in.params = append(in.params, param{"proof", text})
	}
	body, ok := render(c.body, in, c.json)
	if !ok {
		return errors.New("it lacks a text that the answer repeats")
	}
	to.Status, to.Type, to.Body, to.Header = c.status, c.kind, []byte(body), make(http.Header)
	size := len(body)
	for name, t := range c.header {
		value, ok := render(t, in, false)
		if !ok {
			continue
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("a header of the answer would contain control characters")
		}
		size += len(value)
		to.Header[name] = []string{value}
	}
	if size > maxReply {
		return fmt.Errorf("the answer would be longer than %d bytes", maxReply)
	}
	if c.enrols != nil {
		if to.Enrol, ok = render(c.enrols, in, false); !ok {
			return errors.New("it hands no secret over")
		}
	}
	if c.confirm != nil {
		to.Confirm, _ = render(c.confirm, in, false)
		to.Pin = c.pin
		if !c.pinned(to.Confirm) {
			to.Confirm = ""
			return errors.New("the URL to be called is not the provider's")
		}
	}
	return nil
}

func (c *reply) pinned(url string) bool {
	for _, pin := range c.pins {
		if pin.MatchString(url) {
			return true
		}
	}
	return false
}

// render writes a template. The text shares no memory with the request. In JSON the
// text of tokens becomes part of a string.
func render(t *Template, in *reading, escaped bool) (string, bool) {
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if p.kind == nil {
			b.WriteString(p.literal)
			continue
		}
		value, ok := p.kind.read(in, p.arg)
		if !ok || len(value) > maxReply {
			return "", false
		}
		if escaped {
			quoted, err := json.Marshal(value)
			if err != nil {
				return "", false
			}
			value = string(quoted[1 : len(quoted)-1])
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// proof is a compiled [Proof].
type proof struct {
	new      func() hash.Hash
	key      []byte // nil for a plain hash
	secret   string // for {secret}
	content  *Template
	encoding encoding
	unable   bool // no secret is known yet
}

func (p Proof) compile(secrets []string) (*proof, error) {
	if p.Content == "" {
		return nil, nil
	}
	c := &proof{}
	var err error
	if c.new, err = hashOf(p.Hash); err != nil {
		return nil, err
	}
	if c.encoding, err = encodingOf(p.Encoding); err != nil {
		return nil, err
	}
	if c.content, err = replyTemplate(p.Content); err != nil {
		return nil, err
	}
	if !p.Digest || c.content.has("secret") {
		if len(secrets) == 0 {
			c.unable = true
			return c, nil
		}
		keys, err := keysOf(secrets[:1], p.Secret.pasted)
		if err != nil {
			return nil, err
		}
		c.key, c.secret = keys[0], string(keys[0])
	}
	if p.Digest {
		c.key = nil
	}
	return c, nil
}

// of computes the proof for a request.
func (p *proof) of(in *reading) (string, error) {
	if p.unable {
		return "", errors.New("no secret is known that could prove anything")
	}
	sum := p.new
	if p.key != nil {
		sum = func() hash.Hash { return hmac.New(p.new, p.key) }
	}
	in.secret = p.secret
	h := sum()
	absent := p.content.writeTo(h, in)
	in.secret = ""
	if absent != nil {
		return "", errors.New("it lacks the challenge")
	}
	return p.encoding.encode(h.Sum(nil)), nil
}
