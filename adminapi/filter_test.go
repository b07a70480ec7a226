package adminapi

import (
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestParseTime: durations are those of a Caddyfile, back from now.
func TestParseTime(t *testing.T) {
	now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	for _, s := range []string{"2h", "3d", "1.5d", "1d12h", "12h1d", "90s", "0s", "+1d", "-1d", "-2h", "d", ".d", "1..2d", "3", "3x", "1dd", "2 d"} {
		d, err := caddy.ParseDuration(s)
		want := now.Add(-d)
		if err != nil || d < 0 {
			want = time.Time{}
		}
		got, err := ParseTime(s, now)
		if !got.Equal(want) || (err != nil) != want.IsZero() {
			t.Errorf("%q: %v, %v, want %v", s, got, err, want)
		}
	}
	if got, err := ParseTime("", now); err != nil || !got.IsZero() {
		t.Errorf("nothing: %v, %v", got, err)
	}
	for s, want := range map[string]time.Time{"2026-01-15T10:30:00Z": now, "2026-01-15T12:30:00.5+02:00": now.Add(500 * time.Millisecond)} {
		if got, err := ParseTime(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
}

// TestParseTimeOfDay: days and times of day are those of the zone of now, and a time of
// day is the last one.
func TestParseTimeOfDay(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	now := time.Date(2026, 3, 1, 10, 30, 0, 0, zone)
	for s, want := range map[string]time.Time{
		"today":               time.Date(2026, 3, 1, 0, 0, 0, 0, zone),
		"yesterday":           time.Date(2026, 2, 28, 0, 0, 0, 0, zone),
		"2026-02-03":          time.Date(2026, 2, 3, 0, 0, 0, 0, zone),
		"2026-02-03 14:05":    time.Date(2026, 2, 3, 14, 5, 0, 0, zone),
		"2026-02-03T14:05:06": time.Date(2026, 2, 3, 14, 5, 6, 0, zone),
		"10:30":               now,
		"10:30:01":            time.Date(2026, 2, 28, 10, 30, 1, 0, zone),
		"14:00":               time.Date(2026, 2, 28, 14, 0, 0, 0, zone),
	} {
		if got, err := ParseTime(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"25:00", "tomorrow", "2026-02-30", "14"} {
		if got, err := ParseTime(s, now); err == nil {
			t.Errorf("%s: %v", s, got)
		}
	}
}

// TestFilterThroughAQuery: a filter is the same after its way through a URL.
// The ID has no place in one.
func TestFilterThroughAQuery(t *testing.T) {
	unnamed, named := "", "a b&c"
	full := Filter{Forward: &named}
	for v, i := reflect.ValueOf(&full).Elem(), 0; i < v.NumField(); i++ {
		if f := v.Field(i); f.Kind() == reflect.String && v.Type().Field(i).Name != "ID" {
			f.SetString(v.Type().Field(i).Name + " &=%")
		}
	}
	for _, f := range []Filter{{}, {Endpoint: "pay", Forward: &unnamed}, full} {
		query, err := url.ParseQuery(f.Query().Encode())
		if err != nil {
			t.Fatal(err)
		}
		if got := FilterFromQuery(query); !reflect.DeepEqual(got, f) {
			t.Errorf("%+v became %+v", f, got)
		}
	}
}

// TestParseEarlyTime: a time that was given is never the zero time, which would select all.
func TestParseEarlyTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, s := range []string{"0001-01-01T00:00:00Z", "0001-01-01", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "100000d"} {
		if got, err := ParseTime(s, now); err != nil || !got.Equal(time.Unix(0, 0)) {
			t.Errorf("%s is %v, %v", s, got, err)
		}
	}
}
