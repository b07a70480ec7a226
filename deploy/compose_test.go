package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// composeOf reads compose.yaml as Compose does, which checks it against its schema.
func composeOf(t *testing.T) *types.Project {
	t.Helper()
	dir := filepath.Join(root(t), "deploy/compose")
	file := filepath.Join(dir, "compose.yaml")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: file}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestCompose: the services fit the image, and the files that they name are there.
func TestCompose(t *testing.T) {
	project := composeOf(t)
	dockerfile := read(t, "Dockerfile")
	for name, s := range project.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if !strings.Contains(dockerfile, v.Target) {
				t.Errorf("%s: the image has no volume %s", name, v.Target)
			}
		}
	}
	gateway := project.Services["gateway"]
	caddyfile := read(t, "deploy/compose/Caddyfile")
	for _, p := range gateway.Ports {
		if site := "\n:" + p.Published + " {"; !strings.Contains(caddyfile, site) {
			t.Errorf("port %s is published, and the Caddyfile has no such site", p.Published)
		}
	}
	for _, s := range gateway.Secrets {
		if !strings.Contains(caddyfile, "{file./run/secrets/"+s.Source+"}") {
			t.Errorf("the Caddyfile does not read the secret %s", s.Source)
		}
	}
	if gateway.Build == nil || gateway.Build.Context != root(t) {
		t.Errorf("it builds %+v", gateway.Build)
	}
}
