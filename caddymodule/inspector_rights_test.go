package caddymodule

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
)

// rights has the inspector twice: at /hooks for readers of the endpoint mine, and at /all.
// The other endpoint is called hidden-shop.
func rights(t *testing.T) (g *gateway, c *apiTester, mine, other sender) {
	t.Helper()
	mine, other = by("github"), by("stripe")
	up := newUpstream(t)
	g, c = startAdmin(t, setup{site: mine.directive("name mine\nforward "+up.addr) + other.directive("name hidden-shop\nforward "+up.addr) +
		"webhook_gateway_inspector /hooks/* {\nby off\nendpoints mine\n}\nwebhook_gateway_inspector /all/* {\nby off\n}\n"})
	return g, c, mine, other
}

// TestRightsOfNotes: the note about one event is about this one alone.
func TestRightsOfNotes(t *testing.T) {
	g, c, mine, other := rights(t)
	for i := range 3 {
		g.expect(200, other.request(g, fmt.Sprint("evt_other", i), time.Now()))
		g.expect(200, mine.request(g, fmt.Sprint("evt_mine", i), time.Now()))
	}
	g.drained()
	id := get[adminapi.Messages](c, "GET", "/messages?event_id=evt_mine1", nil).Messages[0].ID.String()
	filter := func(more string) string { return `{"filter":{"id":"` + id + `"` + more + `}}` }
	notes := map[string]string{
		filter(`,"state":"dead_letter"`):                "there are no dead letters; 1 is delivered: --state delivered",
		filter(`,"state":"dead_letter,cancelled"`):      "nothing is in one of these states; 1 is delivered: --state delivered",
		filter(`,"state":"delivered"`):                  "",
		filter(""):                                      "",
		`{"filter":{"state":"dead_letter"}}`:            "there are no dead letters; 3 are delivered: --state delivered",
		`{"filter":{"state":"dead_letter","type":"x"}}`: "nothing matches",
	}
	for body, want := range notes {
		var done adminapi.Done
		if err := json.Unmarshal([]byte(g.inspect(200, "", "POST", "/api/count", body).body), &done); err != nil || done.Note != want {
			t.Errorf("%s: %q, %v, want %q", body, done.Note, err, want)
		}
	}
	for _, verb := range []string{"/count", "/redeliver", "/purge"} { // of the whole store
		done := get[adminapi.Done](c, "POST", verb, adminapi.Bulk{Filter: adminapi.Filter{ID: id, State: "dead_letter"}})
		if want := notes[filter(`,"state":"dead_letter"`)]; done.Note != want || done.Matched != 0 {
			t.Errorf("%s: %+v, want %q", verb, done, want)
		}
	}
}

// TestRightsOfCauses: why a request was refused does not say which other endpoints there are.
func TestRightsOfCauses(t *testing.T) {
	g, _, mine, other := rights(t)
	wrongURL := other.request(g, "evt_1", time.Now())
	wrongURL.URL.Path = "/github"
	body := mine.body("evt_2", time.Now())
	wrongSecret := post("/github", body, "X-Hub-Signature-256", "sha256="+hexSum(other.secret, body), "X-GitHub-Event", "push", "X-GitHub-Delivery", "evt_2")
	named := 0
	for _, r := range []string{g.expect(401, wrongURL).header.Get(refusedHeader), g.expect(401, wrongSecret).header.Get(refusedHeader)} {
		if a := g.rawly("GET", "/all/api/refused/"+r); strings.Contains(a.body, "hidden-shop") {
			named++
		}
		for _, path := range []string{"", "?limit=1", "/wire"} {
			if a := g.rawly("GET", "/hooks/api/refused/"+r+path); a.status != 200 || strings.Contains(a.body, "hidden-shop") {
				t.Errorf("%s: %v", path, a)
			}
		}
		if a := g.inspect(422, "", "POST", "/api/refused/"+r+"/accept", "{}"); strings.Contains(a.body, "hidden-shop") {
			t.Error(a)
		}
	}
	if named != 2 {
		t.Errorf("the reader of all endpoints is told of the other one %d times, not twice", named)
	}
}

// TestRightsOfStatus: the figures of the whole store and the place of its files are for
// readers of all endpoints.
func TestRightsOfStatus(t *testing.T) {
	g, _, mine, other := rights(t)
	status := func(path string) (s adminapi.Status) {
		t.Helper()
		if err := json.Unmarshal([]byte(g.rawly("GET", path+"/api/status").body), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for i := range 3 {
		g.expect(200, other.request(g, fmt.Sprint("evt_", i), time.Now()))
	}
	forged := other.request(g, "evt_forged", time.Now())
	forged.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", time.Now().Unix(), strings.Repeat("00", 32)))
	g.expect(401, forged)
	g.drained()
	_, leave := g.streamOf("/all/api/tail")
	defer leave()
	until(t, "the figures of the whole store", func() bool {
		s := status("/all")
		return s.Store.Location != "" && s.Store.DiskFree != nil && s.Store.DedupeKeys != nil && *s.Store.DedupeKeys > 0 && s.Listeners > 0 && s.Limits.RefusedEntries == 1
	})
	s := status("/hooks")
	if want := (adminapi.Store{Available: true, BacklogLimit: s.Store.BacklogLimit}); s.Store != want {
		t.Errorf("store: %+v", s.Store)
	}
	if want := (adminapi.Limits{InFlightLimit: s.Limits.InFlightLimit, RefusedLimit: s.Limits.RefusedLimit}); s.Limits != want || s.Listeners != 0 {
		t.Errorf("limits: %+v, %d listeners", s.Limits, s.Listeners)
	}

	// What is of the reader's endpoint is there.
	g.inspect(200, "", "POST", "/api/pause", `{"endpoint":"mine"}`)
	g.expect(200, mine.request(g, "evt_mine", time.Now()))
	refused := mine.request(g, "evt_forged", time.Now())
	refused.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32))
	g.expect(401, refused)
	if s := status("/hooks"); s.Store.BacklogBytes == 0 || s.Totals.Waiting != 1 || s.Limits.RefusedEntries != 1 {
		t.Errorf("%+v", s)
	}
}
