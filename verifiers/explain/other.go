package explain

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// maxEndpoints limits the other endpoints that are tried.
const maxEndpoints = 100

// otherSecrets tries the secrets of the other endpoints, and their schemes.
func (x *explainer) otherSecrets() {
	for i, e := range x.Endpoints {
		if len(x.found) > 0 || i == maxEndpoints {
			return
		}
		name := strconv.Quote(e.Name)
		if len(e.Secrets) > 0 && !slices.Equal(e.Secrets, x.Secrets) {
			sentence := "It verifies with the secret of the endpoint " + name + ". "
			if e.Row.Name == x.Row.Name {
				sentence += "Each webhook has a secret of its own, and so have test mode and live mode."
			} else {
				sentence += "That one is for " + e.Row.Title + "."
			}
			x.try(x.scheme, e.Secrets, x.r, sentence)
		}
		if e.Row.Scheme != nil && e.Row.Name != x.Row.Name {
			x.try(x.fetching(e.Row.Scheme), e.Secrets, x.r, "It verifies as a request to the endpoint "+name+
				", which is for "+e.Row.Title+". Its sender calls the wrong URL.")
		}
	}
}

// otherURL tries the URL that reached the gateway, where the endpoint states another
// one.
func (x *explainer) otherURL() {
	given, err := url.Parse(x.r.URL)
	received, err2 := url.Parse(x.Received)
	if err != nil || err2 != nil || x.Received == "" || x.Received == x.r.URL || !x.about.URL {
		return
	}
	x.tryRequest("It verifies with the URL of the request itself, "+verifiers.ShownURL(x.Received)+
		". public_url has to be what the provider calls.",
		func(r *verifiers.Request) { r.URL = x.Received })
	received.Scheme, received.Host = given.Scheme, given.Host
	x.tryRequest("It verifies with the path of the request itself, "+received.EscapedPath()+
		", in the URL. Is the path of public_url right?",
		func(r *verifiers.Request) { r.URL = received.String() })
}

// maxNamed limits the providers that a sentence names.
const maxNamed = 5

// otherProviders looks for providers whose request it is, by the secrets that were
// given.
func (x *explainer) otherProviders() {
	if len(x.Secrets) == 0 {
		return
	}
	var names []string
	for _, row := range x.Catalogue {
		_, fetches := row.Scheme.(verifiers.Fetching) // an explanation is not worth asking anybody
		if row.Name == x.Row.Name || fetches && row.Secret.Optional || slices.ContainsFunc(row.Options, needed) {
			continue
		}
		if x.accepts(row.Scheme, x.Secrets, x.r) {
			names = append(names, row.Name)
		}
	}
	if len(names) > maxNamed {
		names = append(names[:maxNamed], "and "+strconv.Itoa(len(names)-maxNamed)+" more")
	}
	if len(names) > 0 {
		x.say("It verifies as a request of " + strings.Join(names, ", ") + ". Is it the right provider?")
	}
}

// needed reports whether a provider's requests cannot be verified without an option.
func needed(o verifiers.Option) bool { return o.Required && !o.Fetching }
