package explain

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/hookwicket/hookwicket/verifiers"
)

// each tries a change of each of the secrets, alone.
func (x *explainer) each(change func(string) string, sentence string) {
	for _, secret := range x.Secrets {
		if changed := change(secret); changed != "" && changed != secret {
			x.try(x.scheme, []string{changed}, x.r, sentence)
		}
	}
}

func (x *explainer) secretsTrimmed() {
	x.each(strings.TrimSpace, "It verifies once the white space around the secret is removed. "+
		"A file often ends in a newline.")
	x.each(func(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) },
		"It verifies once the quotation marks around the secret are removed.")
	x.each(func(s string) string { return s + "\n" },
		"It verifies with a newline at the end of the secret. The sender's own secret seems to have one.")
	x.each(func(s string) string { return s + " " },
		"It verifies with a space at the end of the secret. The sender's own secret seems to have one.")
	x.each(func(s string) string { return " " + s },
		"It verifies with a space before the secret. The sender's own secret seems to have one.")
}

func (x *explainer) secretsDecoded() {
	const decoded = "It verifies with the secret decoded from base64. "
	x.each(func(s string) string {
		plain, _ := base64.StdEncoding.DecodeString(s)
		return string(plain)
	}, decoded+"The sender uses the bytes of the secret, not its text.")
	x.each(func(s string) string { return strings.TrimPrefix(s, "whsec_") },
		"It verifies without the whsec_ in front of the secret.")
	x.each(func(s string) string { return "whsec_" + s },
		"It verifies with whsec_ in front of the secret, which belongs to it here.")
	const bearer = "Bearer "
	if _, ok := x.scheme.(verifiers.Token); ok {
		x.each(func(s string) string { return bearer + s }, "It verifies with Bearer in front of the secret, since the scheme takes the whole header. Use the token scheme's bearer.")
		x.each(func(s string) string { return strings.TrimPrefix(s, bearer) }, "It verifies without the Bearer in front of the secret.")
		x.each(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			"It verifies with the secret encoded in base64. The secret is the text that was encoded in the sender's settings.")
	}
	for _, try := range []struct {
		format   verifiers.SecretFormat
		sentence string
	}{
		{verifiers.SecretFormat{}, "It verifies with the secret as it is, not decoded. The sender uses its text as the key."},
		{verifiers.SecretFormat{Encoding: "hex"}, "It verifies with the secret decoded from hex."},
		{verifiers.SecretFormat{Encoding: "base64"}, decoded + "The sender uses the bytes of the secret, not its text."},
		{verifiers.SecretFormat{Prefixes: []string{"whsec_"}, Encoding: "base64"}, decoded + "The whsec_ in front of it does not belong to it."},
		{verifiers.SecretFormat{Prefixes: []string{"whsec_"}}, "It verifies without the whsec_ in front of the secret."},
	} {
		scheme, ok := with(x.scheme, "Secret", func(f *verifiers.SecretFormat) bool {
			try.format.Named = f.Named
			*f = try.format
			return true
		})
		if ok {
			x.try(scheme, x.Secrets, x.r, try.sentence)
		}
	}
}

// keyNames tries all keys, whatever name the request gives for its key.
func (x *explainer) keyNames() {
	if scheme, ok := withoutKeyID(x.scheme); ok {
		x.try(scheme, x.Secrets, x.r, "It verifies if the name that the request gives its key is left out of account. "+
			"Does the option key have the keys' names as the provider shows them, in the order of the secrets?")
	}
}

// withoutKeyID returns the scheme without the place of the key's name.
func withoutKeyID(scheme verifiers.Scheme) (verifiers.Scheme, bool) {
	return with(scheme, "KeyID", func(place *string) bool {
		set := *place != ""
		*place = ""
		return set
	})
}

// interchanged swaps the secret with another value that the provider shows beside it:
// the user of a pair, or an option such as the key.
func (x *explainer) interchanged() {
	x.each(func(s string) string {
		first, second, pair := strings.Cut(s, ":")
		if !pair {
			return s
		}
		return second + ":" + first
	}, "It verifies with the two halves of the secret interchanged: the part after the colon belongs before it.")
	given := optionsOf(x.scheme)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		if value == "" || strings.Contains(value, " ") {
			continue
		}
		for _, secret := range x.Secrets {
			scheme, ok := with(x.scheme, "Options", func(options *map[string]string) bool {
				*options = maps.Clone(*options)
				(*options)[name] = secret
				return true
			})
			if ok {
				x.try(scheme, []string{value}, x.r, "It verifies with the secret and the option "+name+" interchanged.")
			}
		}
	}
}
