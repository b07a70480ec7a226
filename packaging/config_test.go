package packaging

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// release is the version that the tests give the program and its packages.
const release = "1.2.3"

// repository is the folder that the paths in .goreleaser.yaml start from.
const repository = ".."

var givenDeb = flag.String("deb", "", "the `package` to install, such as that of a snapshot; by default one is built")

// goreleaser returns the configuration of the releases. An unknown key is an error.
func goreleaser(t *testing.T) config.Project {
	t.Helper()
	project, err := config.Load(filepath.Join(repository, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// program builds hookwicket with the flags of a release, and the files that follow from it.
// All tests share it.
var program = sync.OnceValues(func() (string, error) {
	project, err := config.Load(filepath.Join(repository, ".goreleaser.yaml"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(repository, "build"), 0o755); err != nil {
		return "", err
	}
	build := project.Builds[0]
	binary, err := filepath.Abs(filepath.Join(repository, "build", build.Binary))
	if err != nil {
		return "", err
	}
	args := append([]string{"build", "-o", binary, "-tags", strings.Join(build.Tags, ",")}, build.Flags...)
	args = append(args, "-ldflags", strings.ReplaceAll(strings.Join(build.Ldflags, " "), "{{ .Version }}", release), build.Main)
	compile := exec.Command("go", args...)
	compile.Env = append(os.Environ(), build.Env...)
	generate := exec.Command("./"+project.Before.Hooks[0], binary) // seen from its Dir
	for _, cmd := range []*exec.Cmd{compile, generate} {
		cmd.Dir, cmd.Stderr = repository, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", err
		}
	}
	return binary, nil
})

func built(t *testing.T) string {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestReleasedFiles: every file that the configuration names exists.
func TestReleasedFiles(t *testing.T) {
	built(t)
	project := goreleaser(t)
	var sources []string
	for _, archive := range project.Archives {
		for _, file := range archive.Files {
			sources = append(sources, file.Source)
		}
	}
	for _, p := range project.NFPMs {
		for _, content := range p.Contents {
			sources = append(sources, content.Source)
		}
		for _, script := range []string{p.Scripts.PreInstall, p.Scripts.PostInstall, p.Scripts.PreRemove, p.Scripts.PostRemove} {
			if script != "" {
				sources = append(sources, script)
			}
		}
	}
	if len(sources) < 20 {
		t.Errorf("only %d files: %q", len(sources), sources)
	}
	for _, source := range sources {
		found, err := filepath.Glob(filepath.Join(repository, source))
		if err != nil || len(found) == 0 {
			t.Errorf("%s does not exist (%v)", source, err)
		}
	}

	// Homebrew finds the completions in the archive.
	for _, cask := range project.Casks {
		for _, name := range []string{cask.Completions.Bash, cask.Completions.Zsh, cask.Completions.Fish} {
			text, err := os.ReadFile(filepath.Join(repository, "build", name))
			if err != nil || !strings.Contains(string(text), project.Builds[0].Binary) {
				t.Errorf("completions %q: %v", name, err)
			}
		}
	}
}

// TestProgram: the flags of the linker reach their variables, and the manual pages are
// those of the commands.
func TestProgram(t *testing.T) {
	binary := built(t)
	for args, want := range map[string]string{
		"version": "hookwicket v" + release + ", Caddy v2.",
		"webhook": "hookwicket webhook COMMAND",
	} {
		out, err := exec.Command(binary, strings.Fields(args)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("hookwicket %s: %v\n%s", args, err, out)
		}
	}
	for _, page := range []string{"hookwicket", "hookwicket-run", "hookwicket-webhook-status"} {
		if _, err := os.Stat(filepath.Join(repository, "build/man", page+".8.gz")); err != nil {
			t.Error(err)
		}
	}
	licences, err := os.ReadFile(filepath.Join(repository, "build/THIRD-PARTY-LICENSES"))
	if err != nil || !strings.Contains(string(licences), "======== github.com/caddyserver/caddy/v2 v2.") {
		t.Errorf("Caddy's licence is missing (%v)", err)
	}
}

// TestTags: all ways to build leave out the same.
func TestTags(t *testing.T) {
	tags := strings.Join(goreleaser(t).Builds[0].Tags, ",")
	for file, want := range map[string]string{
		"Makefile":              "\nTAGS    = " + tags + "\n",
		"packaging/generate.sh": "\ntags=" + tags + "\n",
	} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s does not have %q (%v)", file, strings.TrimSpace(want), err)
		}
	}
}

// TestFormats: each package can be built. TestDeb has the deb, with the program.
func TestFormats(t *testing.T) {
	built(t)
	stand := filepath.Join(t.TempDir(), "hookwicket") // the program takes long to compress
	if err := os.WriteFile(stand, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range goreleaser(t).NFPMs {
		for _, format := range p.Formats {
			t.Run(format, func(t *testing.T) { pack(t, p, format, stand) })
		}
	}
}

// pack builds a package of the configuration as goreleaser does, and returns its path.
func pack(t *testing.T, p config.NFPM, format, binary string) string {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string {
		if name == "" {
			return ""
		}
		return filepath.Join(root, name)
	}
	contents := files.Contents{{Source: binary, Destination: filepath.Join(p.Bindir, filepath.Base(binary)), FileInfo: &files.ContentFileInfo{Mode: 0o755}}}
	for _, c := range p.Contents {
		contents = append(contents, &files.Content{
			Source: path(c.Source), Destination: c.Destination, Type: c.Type, Packager: c.Packager,
			FileInfo: &files.ContentFileInfo{Owner: c.FileInfo.Owner, Group: c.FileInfo.Group, Mode: c.FileInfo.Mode},
		})
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: p.PackageName, Arch: runtime.GOARCH, Platform: "linux", Version: release, Section: p.Section,
		Maintainer: p.Maintainer, Description: p.Description, Vendor: p.Vendor, Homepage: p.Homepage, License: p.License,
		Overridables: nfpm.Overridables{
			Depends: p.Dependencies, Recommends: p.Recommends, Contents: contents,
			Scripts: nfpm.Scripts{
				PreInstall: path(p.Scripts.PreInstall), PostInstall: path(p.Scripts.PostInstall),
				PreRemove: path(p.Scripts.PreRemove), PostRemove: path(p.Scripts.PostRemove),
			},
		},
	})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		t.Fatal(err)
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), packager.ConventionalFileName(info))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := packager.Package(info, f); err != nil {
		t.Fatal(err)
	}
	return name
}
