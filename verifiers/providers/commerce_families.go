package providers

import "github.com/hookwicket/hookwicket/verifiers"

// overBody is the commonest scheme of all: an HMAC of nothing but the body, in
// the first of some headers that is there.
func overBody(encoding string, headers ...string) verifiers.HMAC {
	return verifiers.HMAC{
		Signature: verifiers.Signature{Names: headers, Encoding: encoding},
		Content:   "{body}",
	}
}

// timedList is the scheme that Stripe made common: one header that lists the
// time and signatures over the time and the body. Items of other names are
// ignored.
func timedList(header, time string, signatures ...string) verifiers.HMAC {
	return verifiers.HMAC{
		Signature: verifiers.Signature{
			Names:     []string{header},
			Separator: ",",
			Assign:    "=",
			Keys:      signatures,
		},
		Content: "{timestamp}.{body}",
		Facts:   verifiers.Facts{Timestamp: verifiers.Timestamp{From: "{param:" + time + "}"}},
	}
}

// timeAndBody stands for the event ID of providers that give none and that may
// send the same body for two events. Both parts are signed. Should the provider
// renew the time on a retry, the retry counts as another event: better than to
// lose one.
const timeAndBody = "{timestamp}:{body.sha256.hex}"

const (
	timeAndBodyWhy = "There is no event ID, and it is not documented that two events never have the same body. " +
		"So an event is known by its signed time and its body."
	renewedUnknown = "It is not known whether a retry renews the time. A week outlasts any schedule of retries that is plausible."
)
