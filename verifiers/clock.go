package verifiers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// clock is a format of times.
type clock string

const (
	clockUnix     clock = "unix"
	clockUnixMS   clock = "unix_ms"
	clockUnixAuto clock = "unix_auto"
	clockRFC3339  clock = "rfc3339"
	clockRFC1123  clock = "rfc1123"
	clockDatetime clock = "datetime"
)

// defaultClock is the format of a time where the scheme names none.
const defaultClock = clockUnix

var clocks = []clock{clockUnix, clockUnixMS, clockUnixAuto, clockRFC3339, clockRFC1123, clockDatetime}

// TimeFormats returns the formats of [Timestamp], the default first.
func TimeFormats() (names []string) {
	for _, c := range clocks {
		names = append(names, string(c))
	}
	return names
}

func clockOf(format string) (clock, error) {
	if c := clock(cmp.Or(format, string(defaultClock))); slices.Contains(clocks, c) {
		return c, nil
	}
	return "", fmt.Errorf("unknown format %q: want one of %s", format, clocks)
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// parse reads a time between the years 1970 and 9999.
func (c clock) parse(text string) (time.Time, bool) {
	var t time.Time
	var err error
	switch c {
	case clockUnix:
		n, ok := digits(text, lastSecond)
		return time.Unix(n, 0), ok
	case clockUnixMS:
		n, ok := digits(text, lastSecond*1000+999)
		return time.UnixMilli(n), ok
	case clockUnixAuto:
		// As seconds this is the year 5138, as milliseconds it is 1973.
		n, ok := digits(text, lastSecond*1000+999)
		if n >= 1e11 {
			return time.UnixMilli(n), ok
		}
		return time.Unix(n, 0), ok
	case clockDatetime:
		if len(text) != len(time.DateTime) { // it may have no fraction
			return t, false
		}
		t, err = time.Parse(time.DateTime, text)
	case clockRFC1123:
		if len(text) > 40 {
			return t, false
		}
		// Not time.RFC1123: it takes any abbreviation of a zone for UTC.
		if t, err = time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text); err != nil {
			t, err = time.Parse(time.RFC1123Z, text)
		}
	case clockRFC3339:
		if len(text) > 64 || strings.Contains(text, ",") {
			return t, false
		}
		err = t.UnmarshalText(bytesOf(text)) // stricter than time.Parse
	}
	return t, err == nil && t.Unix() > 0 && t.Unix() <= lastSecond
}

// whole reports whether a number has as many digits as every time from the year 2001 to
// 2286. Then no digit was moved from or to it.
func (c clock) whole(text string) bool {
	switch c {
	case clockUnix:
		return len(text) == 10
	case clockUnixMS:
		return len(text) == 13
	case clockUnixAuto:
		return len(text) == 10 || len(text) == 13
	}
	return true
}

// format writes a time as the provider would.
func (c clock) format(t time.Time) string {
	switch c {
	case clockUnixMS:
		return fmt.Sprint(t.UnixMilli())
	case clockRFC3339:
		return t.UTC().Format(time.RFC3339)
	case clockDatetime:
		return t.UTC().Format(time.DateTime)
	case clockRFC1123:
		return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return fmt.Sprint(t.Unix())
}

// digits reads a positive decimal number without sign or leading zero.
func digits(text string, most int64) (int64, bool) {
	if text == "" || len(text) > 15 || text[0] == '0' {
		return 0, false
	}
	var n int64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= most
}
