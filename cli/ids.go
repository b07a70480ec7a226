package cli

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/internal/terminal"
	"github.com/hookwicket/hookwicket/queue"
)

// wholeID and beginningOfID are the forms of a message's ID and of its beginning, which
// has at least 8 digits: they are of the time of the receipt.
var (
	wholeID       = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	beginningOfID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F-]*)?$`)
)

// shortIDLength is how much of an ID stands in a table on a terminal: the time of the
// receipt and 12 random bits.
const shortIDLength = len("01a22216-bad3-7535")

// shownID is a message's ID in a table: short on a terminal, whole for a program.
func shownID(id queue.ID) string {
	if terminal.IsTerminal(os.Stdout) {
		return id.String()[:shortIDLength]
	}
	return id.String()
}

// messageID finds the message that a person means: by its ID, by the beginning of its ID
// if no other has it, or by the event ID.
func messageID(ctx context.Context, c *adminapi.Client, given string) (string, error) {
	if wholeID.MatchString(given) {
		return given, nil
	}
	if beginningOfID.MatchString(given) {
		since, until := timesOf(given)
		found, err := messagesWhere(ctx, c, adminapi.Filter{Since: since, Until: until}, func(m *adminapi.MessageEntry) bool {
			return strings.HasPrefix(m.ID.String(), strings.ToLower(given))
		})
		if err != nil || len(found) == 1 {
			return first(found), err
		}
		if len(found) > 1 {
			return "", fmt.Errorf("the IDs of several messages begin with %s: %s; give more of it", given, strings.Join(found, ", "))
		}
	}
	found, err := messagesWhere(ctx, c, adminapi.Filter{EventID: given}, func(*adminapi.MessageEntry) bool { return true })
	switch {
	case err != nil || len(found) == 1:
		return first(found), err
	case len(found) > 1:
		return "", fmt.Errorf("%q is the event ID of several messages: %s; give the ID of one of them", given, strings.Join(found, ", "))
	}
	if endpoint, forward, ok := strings.Cut(given, "/"); ok {
		return "", fmt.Errorf("there is no message with the ID or the event ID %q; those of a forward are selected by --endpoint %s --forward %s",
			given, terminal.Word(endpoint), terminal.Word(forward))
	}
	return "", fmt.Errorf("there is no message with the ID or the event ID %q; `caddy webhook events` lists them", given)
}

func first(found []string) string {
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// maxFound is how many messages an error lists.
const maxFound = 5

// messagesWhere returns the IDs of the first messages of a filter that match.
func messagesWhere(ctx context.Context, c *adminapi.Client, f adminapi.Filter, matches func(*adminapi.MessageEntry) bool) (found []string, err error) {
	query := f.Query()
	query.Set("limit", strconv.Itoa(adminapi.MaxPage))
	for {
		var page adminapi.Messages
		if err := c.Get(ctx, adminapi.PathMessages, query, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			if matches(&m) {
				if found = append(found, m.ID.String()); len(found) == maxFound {
					return found, nil
				}
			}
		}
		if page.Next == "" {
			return found, nil
		}
		query.Set("after", string(page.Next))
	}
}

// partOfID is the form of the beginning of an ID, however short.
var partOfID = regexp.MustCompile(`^[0-9a-fA-F][0-9a-fA-F-]*$`)

// refusedID finds the refused request that a person means: by its ID, or by the beginning
// of its ID if no other has it.
func refusedID(ctx context.Context, c *adminapi.Client, given string) (string, error) {
	if wholeID.MatchString(given) {
		return given, nil
	}
	if !partOfID.MatchString(given) {
		return "", fmt.Errorf("%q is neither the ID of a refused request nor the beginning of one; `caddy webhook refused` lists them", given)
	}
	var f adminapi.RefusedFilter
	f.Since, f.Until = timesOf(given)
	query, found := f.Query(), []string(nil)
	query.Set("limit", strconv.Itoa(adminapi.MaxPage))
	for {
		var page adminapi.RefusedList
		if err := c.Get(ctx, adminapi.PathRefused, query, &page); err != nil {
			return "", err
		}
		for _, e := range page.Refused {
			if strings.HasPrefix(e.ID.String(), strings.ToLower(given)) {
				found = append(found, e.ID.String())
			}
		}
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("no refused request that is kept has an ID that begins with %s; `caddy webhook refused` lists them", given)
	case len(found) > 1:
		more := ""
		if len(found) > maxFound {
			found, more = found[:maxFound], " and more"
		}
		return "", fmt.Errorf("the IDs of several refused requests begin with %s: %s%s; give more of it", given, strings.Join(found, ", "), more)
	}
	return found[0], nil
}

// lastTime is the last day that RFC 3339 can write.
var lastTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// timesOf returns the receipts of the messages whose IDs begin so: the first 48 bits of
// an ID are its millisecond.
func timesOf(beginning string) (since, until string) {
	digits := strings.ReplaceAll(beginning, "-", "")
	at := func(fill string) time.Time {
		text := digits + strings.Repeat(fill, 12)
		b, err := hex.DecodeString(text[:12])
		if err != nil {
			return time.Time{} // not possible: they are 12 digits
		}
		milli := int64(binary.BigEndian.Uint64(append([]byte{0, 0}, b...)))
		return time.UnixMilli(min(milli, lastTime.UnixMilli())).UTC()
	}
	return at("0").Format(time.RFC3339Nano), at("f").Add(time.Millisecond).Format(time.RFC3339Nano)
}

// lastMessage returns the ID of the newest message, of an endpoint if one is named.
func lastMessage(ctx context.Context, c *adminapi.Client, endpoint string) (string, error) {
	query := adminapi.Filter{Endpoint: endpoint}.Query()
	query.Set("limit", "1")
	for {
		var page adminapi.Messages
		switch err := c.Get(ctx, adminapi.PathMessages, query, &page); {
		case err != nil:
			return "", err
		case len(page.Messages) > 0:
			return page.Messages[0].ID.String(), nil
		case page.Next == "":
			return "", fmt.Errorf("there is no event%s", terminal.When(endpoint != "", " of "+terminal.Printable(endpoint)))
		}
		query.Set("after", string(page.Next))
	}
}
