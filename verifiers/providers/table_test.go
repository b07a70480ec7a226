package providers_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/providers"
)

var update = flag.Bool("update", false, "write docs/providers.md, its pages and judges.json anew, and the number in README.md")

// TestTable makes the table of the catalogue from the rows, the vectors and the
// lists of judges in oracles, and wants it to be the one that is there.
func TestTable(t *testing.T) {
	facts := learned(t)
	var rows []tableRow
	judged := map[string][]providers.Judge{}
	for _, p := range providers.All() {
		r := tableRow{p, facts[p.Name]}
		if len(r.judges) == 0 {
			t.Errorf("%s has no judge: a vector needs a line `judge: …`, or oracles an SDK", p.Name)
		}
		judged[p.Name] = r.judges
		rows = append(rows, r)
	}
	list, err := json.MarshalIndent(judged, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "judges.json", append(list, '\n'))
	golden(t, "../../docs/providers.md", []byte(table(rows)))
	goldenPages(t, rows)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !counted.Match(readme) {
		t.Fatalf("README.md does not tell how many providers there are: %v", counted)
	}
	golden(t, "../../README.md", counted.ReplaceAll(readme, []byte(countOf(rows).String())))
}

// goldenPages compares the pages of the providers. A page of a row that is gone is stale, too.
func goldenPages(t *testing.T, rows []tableRow) {
	const docs = "../../docs/"
	old, err := filepath.Glob(docs + pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if !blank(r.Provider) {
			file := docs + r.file()
			golden(t, file, []byte(r.page()))
			old = slices.DeleteFunc(old, func(path string) bool { return path == file })
		}
	}
	for _, path := range old {
		if !*update {
			t.Errorf("%s is of no provider", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// counted is where README.md has the number of providers.
var counted = regexp.MustCompile(`[0-9]+ providers, [0-9]+ of them confirmed`)

// golden compares a file with its wanted content, or writes it.
func golden(t *testing.T, file string, want []byte) {
	t.Helper()
	have, err := os.ReadFile(file)
	if bytes.Equal(have, want) {
		return
	}
	if !*update {
		t.Errorf("%s is stale; go test ./verifiers/providers -run %s -update writes it (%v)", file, t.Name(), err)
		return
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, want, 0o644)); err != nil {
		t.Error(err)
	}
}

// judgeKinds are the kinds of judges, the best first.
var judgeKinds = []string{"sdk", "vendor", "fixture", "independent"}

// evidence is the knowledge about a provider besides its row.
type evidence struct {
	judges     []providers.Judge
	covered    verifiers.Fields // the parts that any accepted vector has under its signature
	identified bool             // some of them have an ID
	expires    bool             // some of them have a token with an end
}

// learned reads the vectors, and the lists of the judges in oracles.
func learned(t *testing.T) map[string]*evidence {
	t.Helper()
	all := map[string]*evidence{}
	for _, p := range providers.All() {
		all[p.Name] = &evidence{}
	}
	addSDKs(t, all, "judges-go.json")
	addSDKs(t, all, "judges-js.json")
	paths, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		v, err := readVector(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		e := all[v.provider.Name]
		for _, line := range v.judges {
			e.add(judgeOf(line))
		}
		if v.expect == "accepted" {
			ev, _ := v.judge(t, v.request, v.secrets...)
			e.cover(ev.Signed)
			e.identified = e.identified || ev.ID != ""
			e.expires = e.expires || !ev.Expires.IsZero()
		}
	}
	return all
}

// judgeOf reads a vector's line.
func judgeOf(line string) providers.Judge {
	kind, by, _ := strings.Cut(line, " ")
	j := providers.Judge{Kind: kind, By: by}
	if kind == "sdk" {
		j.Does = "signed a vector"
	}
	return j
}

// add adds a judge, unless it is known already. A library that judges every time
// the tests run is worth more than a vector that it made once.
func (e *evidence) add(j providers.Judge) {
	if !slices.ContainsFunc(e.judges, func(k providers.Judge) bool { return k.Kind == j.Kind && k.By == j.By }) {
		e.judges = append(e.judges, j)
	}
	slices.SortStableFunc(e.judges, func(a, b providers.Judge) int {
		return cmp.Or(slices.Index(judgeKinds, a.Kind)-slices.Index(judgeKinds, b.Kind), strings.Compare(a.By, b.By))
	})
}

func (e *evidence) cover(f verifiers.Fields) {
	c := &e.covered
	c.ID, c.Type, c.Timestamp = c.ID || f.ID, c.Type || f.Type, c.Timestamp || f.Timestamp
	c.Body, c.URL = c.Body || f.Body, c.URL || f.URL
}

// addSDKs adds those that oracles asks each time its tests run.
func addSDKs(t *testing.T, all map[string]*evidence, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../oracles", file))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Provider, SDK, Does, Weakness string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, j := range list {
		e, ok := all[j.Provider]
		if !ok {
			t.Errorf("%s: there is no provider %q", file, j.Provider)
			continue
		}
		e.add(providers.Judge{Kind: "sdk", By: j.SDK, Does: j.Does, Weakness: j.Weakness})
	}
}

// TestJudgesAreShipped wants the embedded list to be the one in the folder.
func TestJudgesAreShipped(t *testing.T) {
	for _, p := range providers.All() {
		for _, j := range providers.Judges(p.Name) {
			if !slices.Contains(judgeKinds, j.Kind) || (j.By == "") != (j.Kind == "independent") {
				t.Errorf("%s: %+v", p.Name, j)
			}
		}
	}
}

// count is the number of providers, in all and of each kind.
type count struct{ all, confirmed, sdk, vendor, fixture, independent, schemes int }

func countOf(rows []tableRow) (c count) {
	for _, r := range rows {
		if blank(r.Provider) {
			c.schemes++
			continue
		}
		c.all++
		if r.Confirmed {
			c.confirmed++
		}
		switch { // the best of its judges
		case r.judgedBy("sdk"):
			c.sdk++
		case r.judgedBy("vendor"):
			c.vendor++
		case r.judgedBy("fixture"):
			c.fixture++
		default:
			c.independent++
		}
	}
	return c
}

func (c count) String() string {
	return fmt.Sprintf("%d providers, %d of them confirmed", c.all, c.confirmed)
}
