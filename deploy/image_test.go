package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// An image is the one that the Dockerfile makes, with its settings.
type image struct {
	folder string // where its files are

	User        string
	Env         []string
	Entrypoint  []string
	Cmd         []string
	StopSignal  string
	Healthcheck struct{ Test []string }
	Volumes     map[string]struct{}
}

// buildah runs Buildah in a store of its own. It needs neither a daemon nor overlays.
func buildah(args ...string) (string, error) {
	cmd := exec.Command("buildah", append([]string{
		"--root", filepath.Join(scratch, "images"), "--runroot", filepath.Join(scratch, "run"), "--storage-driver", "vfs",
	}, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	return output(cmd)
}

// builtImage builds the image once. No registry is asked for the image of Go: this
// machine's programs, modules and build cache take its place.
var builtImage = sync.OnceValues(func() (*image, error) {
	if _, err := exec.LookPath("buildah"); err != nil {
		return nil, errors.New("buildah is not installed")
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("buildah with chroot isolation needs root")
	}
	if err := buildBase(); err != nil {
		return nil, fmt.Errorf("the image of Go: %w", err)
	}
	args := []string{"build", "--format", "docker", "--pull-never", "--tag", "localhost/hookwicket"}
	caches, err := goEnv("GOMODCACHE", "GOCACHE")
	if err != nil {
		return nil, err
	}
	// Where /bin and its like are links into /usr.
	for from, to := range map[string]string{"/usr": "/usr", "/usr/bin": "/bin", "/usr/lib": "/lib", "/usr/lib64": "/lib64"} {
		if _, err := os.Stat(from); err == nil {
			args = append(args, "--volume", from+":"+to+":ro")
		}
	}
	for _, dir := range caches {
		args = append(args, "--volume", dir+":"+dir)
	}
	if _, err := buildah(append(args, "..")...); err != nil {
		return nil, err
	}
	return openImage()
})

func goEnv(names ...string) ([]string, error) {
	text, err := output(exec.Command("go", append([]string{"env"}, names...)...))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n"), err
}

// buildBase makes an image under the name that the Dockerfile begins with. It has no
// programs, since the build mounts this machine's.
func buildBase() error {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "\nFROM ")
	name, _, ok := strings.Cut(rest, " AS build\n")
	if !ok {
		return errors.New("the Dockerfile has no stage named build")
	}
	dir := filepath.Join(scratch, "base")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	names := []string{"GOROOT", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOINSECURE"}
	values, err := goEnv(names...)
	if err != nil {
		return err
	}
	file := "FROM scratch\nWORKDIR /tmp\nCOPY ca-certificates.crt /etc/ssl/certs/\n" +
		"ENV GOTOOLCHAIN=local PATH=" + filepath.Join(values[0], "bin") + ":/usr/bin:/usr/sbin\n"
	for i, name := range names {
		if values[i] != "" && name != "GOROOT" {
			file += fmt.Sprintf("ENV %s=%q\n", name, values[i])
		}
	}
	for _, f := range []struct{ name, text string }{{"Dockerfile", file}, {"ca-certificates.crt", string(certificates)}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	_, err = buildah("build", "--quiet", "--tag", name, dir)
	return err
}

// openImage reads the settings of the image and mounts a container of it.
func openImage() (*image, error) {
	text, err := buildah("inspect", "--type", "image", "localhost/hookwicket")
	if err != nil {
		return nil, err
	}
	var about struct{ Docker struct{ Config image } }
	if err := json.Unmarshal([]byte(text), &about); err != nil {
		return nil, err
	}
	img := &about.Docker.Config
	container, err := buildah("from", "--pull-never", "localhost/hookwicket")
	if err != nil {
		return nil, err
	}
	folder, err := buildah("mount", strings.TrimSpace(container))
	img.folder = strings.TrimSpace(folder)
	return img, err
}
