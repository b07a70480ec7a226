package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// completion offers words to a shell that completes the one that is typed.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// offer returns those words that begin as the typed one, each once. A word that a shell
// would not take as it is, is left out: shells expand what they are offered, and event
// types are texts of senders.
func offer(words []string, typed string) ([]string, cobra.ShellCompDirective) {
	var offered []string
	for _, w := range words {
		if strings.HasPrefix(w, typed) && w != "" && w[0] != '-' && terminal.Word(w) == w && !slices.Contains(offered, w) {
			offered = append(offered, w)
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// offerMore is offer for a list with commas, of which some words are there already.
func offerMore(words []string, typed string) ([]string, cobra.ShellCompDirective) {
	given := typed[:strings.LastIndex(typed, ",")+1]
	var more []string
	for _, w := range words {
		if !slices.Contains(strings.Split(given, ","), w) {
			more = append(more, given+w)
		}
	}
	return offer(more, typed)
}

// completeList offers the words of a fixed list.
func completeList(words ...string) completion {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return offerMore(words, typed)
	}
}

// onlyFirst offers words for the first argument alone.
func onlyFirst(complete completion) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// asked makes a completion of a function that asks a running gateway. A shell gets no
// error.
func asked(f func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, typed string) []string) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		fl := caddycmd.Flags{FlagSet: cmd.Flags()}
		c, err := newClient(fl)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		words := f(ctx, c, fl, typed)
		return offer(slices.DeleteFunc(words, func(w string) bool { return slices.Contains(args, w) }), typed)
	}
}

// completeEndpoints offers the endpoints, and completeTargets their forwards as well.
var (
	completeEndpoints = asked(func(ctx context.Context, c *adminapi.Client, _ caddycmd.Flags, _ string) (names []string) {
		for _, e := range endpointsOf(ctx, c) {
			names = append(names, e.Name)
		}
		return names
	})
	completeTargets = asked(func(ctx context.Context, c *adminapi.Client, _ caddycmd.Flags, _ string) (names []string) {
		for _, e := range endpointsOf(ctx, c) {
			names = append(names, e.Name)
			for _, f := range e.Forwards {
				if f.Name != "" {
					names = append(names, f.Destination)
				}
			}
		}
		return names
	})
)

// completeForwards offers the names of forwards: of the endpoint, if one is given.
var completeForwards = asked(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, _ string) (names []string) {
	of := endpointGiven(fl)
	for _, e := range endpointsOf(ctx, c) {
		for _, f := range e.Forwards {
			if of == "" || of == e.Name {
				names = append(names, f.Name)
			}
		}
	}
	return names
})

func endpointsOf(ctx context.Context, c *adminapi.Client) []adminapi.Endpoint {
	var all adminapi.Endpoints
	if c.Get(ctx, adminapi.PathEndpoints, nil, &all) != nil {
		return nil
	}
	return all.Endpoints
}

// endpointGiven is the endpoint on the command line; empty: none, or several.
func endpointGiven(fl caddycmd.Flags) string {
	text := ""
	switch f := fl.Lookup("endpoint"); {
	case f == nil:
	case f.Value.Type() != "string":
		if given := terminal.List(fl.FlagSet, "endpoint"); len(given) == 1 {
			text = given[0]
		}
	default:
		text = f.Value.String()
	}
	return targetOf(text).Endpoint
}

// recently is how many of the latest messages a completion looks at.
const recently = 250

// completeTypes offers the types of the latest events, the newest first.
var completeTypes = asked(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, _ string) (types []string) {
	for _, m := range latest(ctx, c, adminapi.Filter{Endpoint: endpointGiven(fl)}) {
		if len(m.EventType) < longestType {
			types = append(types, m.EventType)
		}
	}
	return types
})

// longestType is where lists cut a type.
const longestType = 256

// completeMessages offers the IDs of the latest messages, and completeWaiting of those
// that wait.
var (
	completeMessages = asked(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, typed string) []string {
		return idsOf(ctx, c, fl, typed, "")
	})
	completeWaiting = asked(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, typed string) []string {
		return idsOf(ctx, c, fl, typed, string(queue.StateWaiting))
	})
)

func idsOf(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, typed, state string) (ids []string) {
	f := adminapi.Filter{Endpoint: endpointGiven(fl), State: state}
	if beginningOfID.MatchString(typed) {
		f.Since, f.Until = timesOf(typed)
	}
	for _, m := range latest(ctx, c, f) {
		ids = append(ids, m.ID.String())
	}
	return ids
}

func latest(ctx context.Context, c *adminapi.Client, f adminapi.Filter) []adminapi.MessageEntry {
	query := f.Query()
	query.Set("limit", strconv.Itoa(recently))
	var page adminapi.Messages
	if c.Get(ctx, adminapi.PathMessages, query, &page) != nil {
		return nil
	}
	return page.Messages
}

// completeRefused, completeReasons and completeClients offer what the refused requests
// that are kept have.
var (
	completeRefused = refusedHave(func(e *adminapi.RefusedEntry) string { return e.ID.String() })
	completeReasons = refusedHave(func(e *adminapi.RefusedEntry) string { return e.Reason })
	completeClients = refusedHave(func(e *adminapi.RefusedEntry) string { return e.ClientIP })
)

func refusedHave(what func(*adminapi.RefusedEntry) string) completion {
	return asked(func(ctx context.Context, c *adminapi.Client, fl caddycmd.Flags, _ string) (words []string) {
		query := adminapi.RefusedFilter{Endpoint: endpointGiven(fl)}.Query()
		query.Set("limit", strconv.Itoa(adminapi.MaxPage))
		var page adminapi.RefusedList
		if c.Get(ctx, adminapi.PathRefused, query, &page) != nil {
			return nil
		}
		for i := range page.Refused {
			words = append(words, what(&page.Refused[i]))
		}
		return words
	})
}

// completeListened offers the endpoints that can be listened to, and completeSigning the
// beginning of a value of --sign-with.
var (
	completeListened = func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return offerMore(listened(cmd), typed)
	}
	completeSigning = func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		names := listened(cmd)
		for i := range names {
			names[i] += "="
		}
		words, directive := offer(names, typed)
		return words, directive | cobra.ShellCompDirectiveNoSpace
	}
)

func listened(cmd *cobra.Command) (names []string) {
	c, err := newClient(caddycmd.Flags{FlagSet: cmd.Flags()})
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	about, err := aboutListening(ctx, c)
	if err != nil {
		return nil
	}
	for _, e := range about.Endpoints {
		names = append(names, e.Name)
	}
	return names
}
