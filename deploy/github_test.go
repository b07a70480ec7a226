package deploy

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// actionlint is run in a module of its own: it needs an older version of a module of ours.
const actionlint = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

// TestWorkflows: the workflows are sound, and the programs that they call are there.
func TestWorkflows(t *testing.T) {
	dir := filepath.Join(root(t), ".github/workflows")
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	lint := exec.Command("go", append([]string{"run", actionlint, "-no-color"}, files...)...)
	lint.Dir = root(t)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	targets := regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllString(read(t, "Makefile"), -1)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range regexp.MustCompile(`\brun: (\S+)(?: (\S+))?`).FindAllStringSubmatch(string(text), -1) {
			switch name := command[1]; {
			case name == "make" && !slices.Contains(targets, command[2]+":"):
				t.Errorf("%s: the Makefile has no %s", filepath.Base(file), command[2])
			case strings.Contains(name, "/"):
				if info, err := os.Stat(filepath.Join(root(t), name)); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s: %s cannot be run (%v)", filepath.Base(file), name, err)
				}
			}
		}
		// An action of others, at a version that they can move, could do anything.
		for _, used := range regexp.MustCompile(`uses: (\S+)@(\S+)`).FindAllStringSubmatch(string(text), -1) {
			owner, _, _ := strings.Cut(used[1], "/")
			if pinned := regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(used[2]); !pinned && owner != "github" && owner != "actions" {
				t.Errorf("%s: %s is not pinned to a commit", filepath.Base(file), used[0])
			}
		}
	}
	if !strings.Contains(read(t, ".github/workflows/ci.yml"), "- run: .ci/run\n") {
		t.Error("ci.yml does not call .ci/run")
	}
}

// TestDependabot: every module and package of the repository is kept up to date.
func TestDependabot(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string `json:"package-ecosystem"`
			Directories []string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range config.Updates {
		got[u.Ecosystem] = u.Directories
	}
	ecosystems := map[string]string{"go.mod": "gomod", "package.json": "npm", "requirements.txt": "pip", "Dockerfile": "docker"}
	want := map[string][]string{"github-actions": {"/"}}
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == ".git" || name == "testdata"):
			return fs.SkipDir
		case ecosystems[name] != "":
			dir, _ := filepath.Rel(root(t), filepath.Dir(path))
			e := ecosystems[name]
			want[e] = append(want[e], strings.TrimSuffix("/"+dir, "."))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Collect(maps.Keys(want)) {
		slices.Sort(want[e])
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("dependabot.yml has %v, the repository %v", got, want)
	}
}

// A form is an issue form; GitHub refuses one with other fields.
type form struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Title       string   `json:"title"`
	Labels      []string `json:"labels"`
	Body        []struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Attributes struct {
			Value       string   `json:"value"`
			Label       string   `json:"label"`
			Description string   `json:"description"`
			Placeholder string   `json:"placeholder"`
			Render      string   `json:"render"`
			Options     []string `json:"options"`
		} `json:"attributes"`
		Validations struct {
			Required bool `json:"required"`
		} `json:"validations"`
	} `json:"body"`
}

// TestIssueForms: GitHub accepts the forms, and a request for a provider asks for each
// part of its row.
func TestIssueForms(t *testing.T) {
	asked := map[string]map[string]bool{}
	for _, name := range []string{"bug", "provider"} {
		var f form
		if err := yaml.UnmarshalStrict([]byte(read(t, ".github/ISSUE_TEMPLATE/"+name+".yml")), &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Name == "" || f.Description == "" {
			t.Errorf("%s has no name or description", name)
		}
		asked[name] = map[string]bool{}
		for _, b := range f.Body {
			a := b.Attributes
			switch b.Type {
			case "markdown":
				if a.Value == "" || b.ID != "" {
					t.Errorf("%s: a text without a value, or with an ID", name)
				}
				continue
			case "input", "textarea":
			case "dropdown":
				if len(a.Options) < 2 {
					t.Errorf("%s: %s has no options", name, b.ID)
				}
			default:
				t.Errorf("%s: %q is no element of a form", name, b.Type)
			}
			if a.Label == "" || !regexp.MustCompile(`^[a-z_-]+$`).MatchString(b.ID) || asked[name][b.ID] {
				t.Errorf("%s: the field %q has no label, or its ID is there twice", name, b.ID)
			}
			asked[name][b.ID] = true
		}
	}
	row := read(t, "verifiers/provider.go")
	for field := range asked["provider"] {
		if !regexp.MustCompile(`(?im)^\t` + field + `\s+\S`).MatchString(row) {
			t.Errorf("a row has no field %q", field)
		}
	}
	for _, field := range []string{"title", "docs", "scheme", "secret", "freshness", "dedupe", "handshakes", "retries", "sample"} {
		if !asked["provider"][field] {
			t.Errorf("the form does not ask for %s", field)
		}
	}
}

// ours are the texts whose links and commands are checked here.
func ours(t *testing.T) []string {
	t.Helper()
	files := []string{"SECURITY.md", "CODE_OF_CONDUCT.md", "docs/containers.md", "Dockerfile", "deploy/helm/hookwicket/README.md",
		"deploy/helm/hookwicket/templates/NOTES.txt", "deploy/compose/compose.yaml", ".github/PULL_REQUEST_TEMPLATE.md"}
	forms, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yml")
	if err != nil || len(forms) == 0 {
		t.Fatal(forms, err)
	}
	for _, f := range forms {
		files = append(files, strings.TrimPrefix(f, "../"))
	}
	return files
}

// TestLinks: a link within the repository leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	n := 0
	for _, name := range ours(t) {
		text := read(t, name)
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)|https://github.com/hookwicket/hookwicket/blob/main/([^)\s]+)`).FindAllStringSubmatch(text, -1) {
			target := filepath.Join(filepath.Dir(name), link[1])
			if at, ok := strings.CutPrefix(link[1], "https://github.com/hookwicket/hookwicket/blob/main/"); ok {
				target = at
			} else if link[2] != "" {
				target = link[2]
			} else if strings.Contains(link[1], "://") {
				continue
			}
			n++
			file, heading, _ := strings.Cut(target, "#")
			if strings.HasPrefix(link[1], "#") {
				file = name
			}
			if _, err := os.Stat(filepath.Join(root(t), file)); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if heading != "" && !slices.Contains(headings(read(t, file)), heading) {
				t.Errorf("%s: %s has no heading %q", name, file, heading)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d links", n)
	}
}

// headings are the anchors that GitHub makes of a document's headings.
func headings(text string) (anchors []string) {
	for _, line := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(line[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	return anchors
}

// TestCommands: the commands that these texts name exist, with their flags.
func TestCommands(t *testing.T) {
	known, n := map[string]string{}, 0
	help := func(args ...string) string {
		key := strings.Join(args, " ")
		if _, ok := known[key]; !ok {
			out, _ := exec.Command(caddy(t), append(args, "--help")...).CombinedOutput()
			known[key] = string(out)
		}
		return known[key]
	}
	command := regexp.MustCompile("caddy (webhook [a-z]+(?: show| accept| clear)?|reload|run|validate|adapt)([^`\"\\n|;]*)")
	for _, name := range ours(t) {
		for _, found := range command.FindAllStringSubmatch(read(t, name), -1) {
			n++
			args := strings.Fields(found[1])
			text := help(args...)
			if !strings.Contains(text, "\n  caddy "+found[1]) {
				t.Errorf("%s: there is no command caddy %s", name, found[1])
			}
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(found[2], -1) {
				if !strings.Contains(text, flag) {
					t.Errorf("%s: caddy %s has no %s", name, found[1], flag)
				}
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d commands", n)
	}
}
