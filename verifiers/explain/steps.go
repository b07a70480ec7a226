package explain

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookwicket/hookwicket/verifiers"
)

// steps are the steps of the check: method and size, those that the verifier finds in
// the request, each secret, the addressee and the age.
func (x *explainer) steps() (list []verifiers.Step) {
	add := func(name string, state verifiers.StepState, text string) {
		list = append(list, verifiers.Step{Name: name, State: state, Text: text})
	}
	if methods := x.methods(); !slices.Contains(methods, x.r.Method) && verifiers.ReasonOf(x.err) == verifiers.MethodNotAllowed {
		add("method", verifiers.StepFailed, fmt.Sprintf("%q; the endpoint takes %s", shorter(x.r.Method), strings.Join(methods, ", ")))
		return list
	}
	if x.Row.MaxBody > 0 && int64(len(x.r.Body)) > x.Row.MaxBody {
		add("size", verifiers.StepFailed, fmt.Sprintf("%d bytes of body; the endpoint takes %d", len(x.r.Body), x.Row.MaxBody))
		return list
	}
	if x.scheme == nil {
		add("signature", verifiers.StepUnchecked, "code of the endpoint's own judges it")
		return list
	}
	if x.own == nil { // the secrets or the options cannot be used
		add("secrets", verifiers.StepFailed, x.err.Error())
		return list
	}
	seen := verifiers.Inspect(x.ctx, x.own, x.r)
	list = append(list, seen.Steps...)
	whole := len(list) == 0 || list[len(list)-1].State != verifiers.StepFailed
	list = append(list, x.secretSteps(whole)...)
	if !x.right && verifiers.ReasonOf(x.err) != verifiers.WrongAudience {
		return list
	}
	list = append(list, seen.Addressee...)
	if x.right {
		list = append(list, x.ageSteps()...)
	}
	return list
}

func (x *explainer) methods() []string {
	if x.Row.Methods == nil {
		return []string{http.MethodPost}
	}
	return x.Row.Methods
}

// secretSteps has a step for each secret. Only its number, its length and the preset's
// prefix are shown. compared: the request has everything that it takes to compare.
func (x *explainer) secretSteps(compared bool) (steps []verifiers.Step) {
	if len(x.Secrets) == 0 {
		step := verifiers.Step{Name: "keys", State: verifiers.StepFailed, Text: "the provider's own: none of them made it"}
		switch {
		case x.signed(x.err):
			step.State, step.Text = verifiers.StepOK, "the provider's own: one of them made it"
		case !compared:
			step.State, step.Text = verifiers.StepUnchecked, "the provider's own"
		case verifiers.ReasonOf(x.err) != verifiers.WrongSignature:
			step.Text = "the provider's own: " + verifiers.DetailOf(x.err)
		}
		return []verifiers.Step{step}
	}
	scheme := x.scheme
	if any, ok := withoutKeyID(scheme); ok && len(x.Secrets) > 1 { // options name all secrets or none
		scheme = any
	}
	for i, secret := range x.Secrets {
		text := fmt.Sprintf("%d characters", utf8.RuneCountInString(secret))
		if prefix := x.Row.Secret.Prefix; prefix != "" {
			if strings.HasPrefix(secret, prefix) {
				text += ", with " + prefix
			} else {
				text += ", without " + prefix
			}
		}
		step := verifiers.Step{Name: fmt.Sprintf("secret %d of %d", i+1, len(x.Secrets)), State: verifiers.StepUnchecked, Text: text}
		if compared && i < maxSecrets {
			switch _, err := x.verify(scheme, []string{secret}, x.r); {
			case x.signed(err):
				step.State, step.Text = verifiers.StepOK, text+"; it matches"
			case verifiers.ReasonOf(err) == verifiers.WrongSignature:
				step.State, step.Text = verifiers.StepFailed, text+"; it does not match"
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// maxSecrets limits the secrets that are tried one by one.
const maxSecrets = 16

// signed reports whether an error of Verify, or of a later check, leaves the signature
// right.
func (x *explainer) signed(err error) bool {
	switch verifiers.ReasonOf(err) {
	case "":
		return err == nil
	case verifiers.WrongAudience, verifiers.StaleTimestamp, verifiers.FutureTimestamp, verifiers.ExpiredToken:
		return true
	}
	return false
}

// ageSteps judge the age of a request whose signature is right.
func (x *explainer) ageSteps() (steps []verifiers.Step) {
	ev, f := x.event, x.Row.Freshness
	err := f.Check(ev, x.Now)
	step := verifiers.Step{Name: "age", State: verifiers.StepOK}
	if !ev.Expires.IsZero() {
		token := verifiers.Step{Name: "token", State: verifiers.StepOK, Text: "valid until " + ev.Expires.UTC().Format(time.RFC3339)}
		if verifiers.ReasonOf(err) == verifiers.ExpiredToken {
			token.State = verifiers.StepFailed
			return append(steps, token)
		}
		steps = append(steps, token)
	}
	switch {
	case f.Tolerance == verifiers.Tolerance{}:
		step.State, step.Text = verifiers.StepUnchecked, "no limit is set"
	case ev.Timestamp.IsZero() && err == nil:
		step.State, step.Text = verifiers.StepUnchecked, "there is no time"
	case !ev.Timestamp.IsZero():
		step.Text = age(x.Now.Sub(ev.Timestamp)) + "; " + limits(f.Tolerance)
		if !ev.Signed.Timestamp && !f.Unsigned {
			step.State, step.Text = verifiers.StepUnchecked, step.Text+", but the time is not signed"
		}
	default:
		step.Text = verifiers.DetailOf(err)
	}
	if err != nil {
		step.State = verifiers.StepFailed
	}
	return append(steps, step)
}

// age is the distance of a time for people.
func age(d time.Duration) string {
	if d < 0 {
		return span(-d) + " ahead"
	}
	return span(d) + " old"
}

// limits are those of a tolerance.
func limits(t verifiers.Tolerance) string {
	switch {
	case t.Past > 0 && t.Future > 0:
		return span(t.Past) + " past and " + span(t.Future) + " future are allowed"
	case t.Past > 0:
		return span(t.Past) + " are allowed"
	}
	return span(t.Future) + " future are allowed"
}

// span is a duration without units that are zero, such as 4h or 5m.
func span(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// shorter is at most the beginning of a text that others wrote.
func shorter(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
