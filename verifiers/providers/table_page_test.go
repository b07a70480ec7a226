package providers_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pages is the folder of the pages, seen from docs/providers.md.
const pages = "providers"

// file is the place of the provider's page, seen from docs/providers.md. A scheme for any
// other sender has a section there.
func (r tableRow) file() string {
	if blank(r.Provider) {
		return r.Name
	}
	return pages + "/" + r.Name + ".md"
}

// page is docs/providers/<slug>.md.
func (r tableRow) page() string {
	var b strings.Builder
	title := plain(r.Title)
	fmt.Fprintf(&b, "# Verify %s webhooks\n\n<!-- Written by: go test ./verifiers/providers -run TestTable -update -->\n\n", title)
	fmt.Fprintf(&b, "```caddyfile\n%s```\n\n", r.caddyfile())
	fmt.Fprintf(&b, "Give %s the URL `https://hooks.example.com/%s`. ", title, r.Name)
	if r.Synchronous == "" {
		b.WriteString("The gateway checks each request, holds the event on its disk, answers, and delivers it to `app:8080` until the app has taken it. ")
	} else {
		b.WriteString("The gateway checks each request and passes it on, and the app at `app:8080` answers. ")
	}
	b.WriteString("The app gets the request byte for byte. All lines of the block are in [configuration.md](../configuration.md).\n\n")
	b.WriteString(r.preparation())
	if r.Why != "" {
		fmt.Fprintf(&b, "## Good to know\n\n%s\n\n", plain(r.Why))
	}
	fmt.Fprintf(&b, "## Facts\n\nThe words are explained at the head of [the catalogue](../providers.md).\n\n%s", r.facts())
	return b.String()
}

// preparation tells where the values in the Caddyfile come from.
func (r tableRow) preparation() string {
	var b items
	secret := r.Secret
	switch {
	case secret.Learnt:
		b.add("Secret", "the provider sends it in its first request. **While `enrol` is set, anyone can register a secret: remove the line as soon as the webhook works.** The secret stays in the store")
	case secret.Optional:
		b.add("Secret", r.ownKeys())
	case secret.Name != "":
		b.add("Secret", "`{env."+r.variable()+"}` is the "+plain(secret.Name), plain(secret.Where))
	}
	for _, o := range r.Options {
		if o.Required || o.Paired {
			b.add("`"+o.Name+"`", plain(o.What), when(o.Secret, "`{env."+r.variableOf(o.Name)+"}`, a secret"))
		}
	}
	if r.covered.URL {
		b.add("URL", "it is signed. Behind a proxy that changes host, scheme or path, add `public_url https://hooks.example.com/"+r.Name+"`")
	}
	var handshakes []string
	for _, h := range r.Handshakes {
		if name := code(h.Name); !slices.Contains(handshakes, name) {
			handshakes = append(handshakes, name)
		}
	}
	b.add("Handshake", when(len(handshakes) > 0, "the gateway answers "+strings.Join(handshakes, " and ")+" itself"))
	b.add("The app's own answer", plain(r.Synchronous))
	if !r.Confirmed {
		b.add("Not confirmed", "these facts are from reports of the provider's customers. Try real requests first, with `mode observe` in the block: the gateway then refuses nothing and logs its verdicts")
	}
	if b.Len() == 0 {
		return ""
	}
	return "## Set up\n\n" + b.String() + "\n"
}

// ownKeys tells where the keys come from where no secret is needed.
func (r tableRow) ownKeys() string {
	if keys := r.keys(); keys != "" {
		return "none is needed: " + strings.Replace(keys, "fetched from", "the keys are fetched from", 1)
	}
	return "none is needed: the gateway has or fetches the provider's keys"
}

// caddyfile is a site with an endpoint of the provider.
func (r tableRow) caddyfile() string {
	var lines []string
	secret := r.Secret.Name != "" && !r.Secret.Optional && !r.Secret.Learnt
	switch {
	case r.Secret.Learnt:
		lines = append(lines, "enrol")
	case secret:
		lines = append(lines, "secret {env."+r.variable()+"}")
	}
	for _, o := range r.Options {
		if !o.Required && (!o.Paired || !secret) {
			continue
		}
		value, _, _ := strings.Cut(o.Example, " ")
		if o.Secret {
			value = "{env." + r.variableOf(o.Name) + "}"
		}
		lines = append(lines, o.Name+" "+value)
	}
	if r.Synchronous != "" {
		block := "webhook_gateway " + r.Name
		if len(lines) > 0 {
			block += " {\n\t\t\t" + strings.Join(lines, "\n\t\t\t") + "\n\t\t}"
		}
		return "hooks.example.com {\n\thandle /" + r.Name + " {\n\t\t" + block + "\n\t\treverse_proxy app:8080\n\t}\n\trespond 404\n}\n"
	}
	lines = append(lines, "forward app:8080")
	return "hooks.example.com {\n\twebhook_gateway /" + r.Name + " " + r.Name + " {\n\t\t" + strings.Join(lines, "\n\t\t") + "\n\t}\n\trespond 404\n}\n"
}

// variable is the environment variable of the secret.
func (r tableRow) variable() string { return r.variableOf("webhook secret") }

func (r tableRow) variableOf(name string) string {
	words := notWord.Split(strings.ToUpper(r.Name+" "+name), -1)
	return strings.Join(slices.Compact(words), "_")
}

var notWord = regexp.MustCompile(`[^A-Z0-9]+`)
