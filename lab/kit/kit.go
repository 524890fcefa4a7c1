// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package kit builds programs of others for tests, each kit from small modules of its own
// that pin them, once, and keeps them in the user's cache; which kits there are, and what
// runs their programs, is for other packages.
package kit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/buildcache"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// modulesDir holds, below the top of the repository, the modules whose tools are
// what is built.
const modulesDir = "lab/controlplane/build"

// ldflags make small programs; Kubernetes is told its version by the linker.
const ldflags = "-s -w -X k8s.io/component-base/version.gitVersion="

// A Kit is the programs that are built of some modules and kept together.
type Kit struct {
	Name    string   // of its directory in the cache, with the version
	Origin  string   // the module whose version it has
	Modules []string // beside each other in the directory of modules
	Took    string   // to build it on two processors
	Target  string   // of make, which builds it
	Sources []string // directories below the top with programs of ours that take part
	Ldflags string   // at whose end the version is put; empty: those of Kubernetes
	Build   func(ctx context.Context, p *Programs, dir string) error
}

// Feature is the feature of having the programs, by a name that COLVIN_REQUIRE may have.
// No test builds them, because that takes longer than a test may. The make target runs
// the tests that need them.
func (k *Kit) Feature(name, target string) *netnstest.Feature {
	return netnstest.NewFeature(name, target, func() error {
		_, err := k.Installed()
		return err
	})
}

// Installed returns the directory of the programs, or how to get them.
func (k *Kit) Installed() (string, error) {
	p, err := k.Programs()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(p.Dir); err != nil {
		return "", fmt.Errorf("%w (%s builds it, in about %s)", err, k.Target, k.Took)
	}
	return p.Dir, nil
}

// Install builds the programs with the go command the first time, telling of its progress
// on standard error, and returns their directory; that needs the module proxy or a filled
// module cache, and a working directory in the repository.
func (k *Kit) Install(ctx context.Context) (string, error) {
	p, err := k.Programs()
	if err == nil {
		err = buildcache.Fill(p.Dir, func(tmp string) error { return k.Build(ctx, p, tmp) })
	}
	if err != nil {
		return "", fmt.Errorf("install %s: %w", k.Name, err)
	}
	return p.Dir, nil
}

// Programs are what is built.
type Programs struct {
	Version string // of the kit's origin
	Dir     string // where they are kept: another for each content of the modules

	modules string // directory of the modules that pin them
	ldflags string
}

// Programs says what is built of a kit, and where that is kept, be it there or not.
func (k *Kit) Programs() (*Programs, error) {
	top, err := Top()
	if err != nil {
		return nil, err
	}
	modules := filepath.Join(top, modulesDir)
	flags := cmp.Or(k.Ldflags, ldflags)
	all := bytes.NewBufferString(flags)
	for _, module := range k.Modules {
		if err := readModule(all, filepath.Join(modules, module)); err != nil {
			return nil, err
		}
	}
	for _, dir := range k.Sources {
		if err := readSources(all, filepath.Join(top, dir)); err != nil {
			return nil, err
		}
	}
	version := regexp.MustCompile(`(?m)^(?:require|\t)\s*` + regexp.QuoteMeta(k.Origin) + ` (v\S+)`).FindSubmatch(all.Bytes())
	if version == nil {
		return nil, fmt.Errorf("no module in %s requires %s", modules, k.Origin)
	}
	p := &Programs{Version: string(version[1]), modules: modules, ldflags: flags + string(version[1])}
	sum := sha256.Sum256(all.Bytes())
	p.Dir, err = buildcache.Path(fmt.Sprintf("%s-%s-%x", k.Name, p.Version, sum[:4]))
	return p, err
}

// readModule reads all that a module is made of: its versions, and its own program.
func readModule(all *bytes.Buffer, dir string) error {
	return readSources(all, dir, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"))
}

// readSources reads files, and then all of a program.
func readSources(all *bytes.Buffer, dir string, files ...string) error {
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range slices.Concat(files, sources) {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all.Write(b)
	}
	return nil
}

// Top looks for the top of the repository above the working directory, which for a test
// is that of its package.
func Top() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for top := wd; ; top = filepath.Dir(top) {
		if _, err := os.Stat(filepath.Join(top, modulesDir)); err == nil {
			return top, nil
		}
		if top == filepath.Dir(top) {
			return "", fmt.Errorf("no %s at or above %s", modulesDir, wd)
		}
	}
}

// BuildTools builds the tools of a module.
func (p *Programs) BuildTools(ctx context.Context, module, out string) error {
	return p.Build(ctx, module, out, "tool")
}

// BuildMain builds the program that a module is.
func (p *Programs) BuildMain(ctx context.Context, module, out string) error {
	return p.Build(ctx, module, out, ".")
}

// Build builds some of the programs whose versions a module pins.
func (p *Programs) Build(ctx context.Context, module, out string, packages ...string) error {
	cmd := p.Command(ctx, module, append([]string{"build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", p.ldflags, "-o", out}, packages...)...)
	tell := func(how string) { fmt.Fprintln(os.Stderr, how) }
	tell(strings.Join(cmd.Args, " "))
	if err := buildcache.Run(cmd, module, tell); err != nil {
		return fmt.Errorf("run go build in %s: %w", cmd.Dir, err)
	}
	return nil
}

// Command is the go command in a module.
func (p *Programs) Command(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(p.modules, module)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	return cmd
}
