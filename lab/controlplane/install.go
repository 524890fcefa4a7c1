// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/colvin-net/colvin/internal/buildcache"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// modulesDir holds, below the top of the repository, the modules whose tools are
// what is built.
const modulesDir = "lab/controlplane/build"

// ldflags make small programs; Kubernetes is told its version by the linker.
const ldflags = "-s -w -X k8s.io/component-base/version.gitVersion="

// A kit is the programs that are built of some modules and kept together.
type kit struct {
	name    string   // of its directory in the cache, with the version
	origin  string   // the module whose version it has
	modules []string // below modulesDir
	took    string   // to build it on two processors
	build   func(ctx context.Context, p *programs, dir string) error
}

// controlPlane is etcd, kube-apiserver, kube-scheduler and kubectl.
var controlPlane = kit{
	name: "kubernetes", origin: "k8s.io/kubernetes", modules: []string{"kubernetes", "etcd"}, took: "12 minutes",
	build: func(ctx context.Context, p *programs, dir string) error {
		if err := p.buildTools(ctx, "etcd", filepath.Join(dir, "etcd")); err != nil { // which go would name server
			return err
		}
		return p.buildTools(ctx, "kubernetes", dir+"/")
	},
}

// Kubernetes is the feature of having the programs of the control plane, built by
// make kubernetes: no test builds them, because that takes longer than a test may. The
// tests on it take minutes themselves, so they run on request only.
var Kubernetes = controlPlane.feature()

func (k *kit) feature() *netnstest.Feature {
	return netnstest.NewFeature(k.name, "make test-cluster", func() error {
		_, err := k.installed()
		return err
	}).OnRequest()
}

// installed returns the directory of the programs, or how to get them.
func (k *kit) installed() (string, error) {
	p, err := k.programs()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(p.dir); err != nil {
		return "", fmt.Errorf("%w (make kubernetes builds it, in about %s)", err, k.took)
	}
	return p.dir, nil
}

// Install returns the directories that hold the control plane and the IPAM plugin
// whereabouts. It builds them with the go command the first time, telling of its
// progress on standard error, and keeps them in the user's cache; that needs the
// module proxy or a filled module cache, and a working directory in the repository.
func Install(ctx context.Context) ([]string, error) {
	var dirs []string
	for _, k := range []*kit{&controlPlane, &whereabouts} {
		dir, err := k.install(ctx)
		if err != nil {
			return nil, fmt.Errorf("install %s: %w", k.name, err)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

func (k *kit) install(ctx context.Context) (string, error) {
	p, err := k.programs()
	if err != nil {
		return "", err
	}
	return p.dir, buildcache.Fill(p.dir, func(tmp string) error { return k.build(ctx, p, tmp) })
}

// programs are what is built.
type programs struct {
	modules string // directory of the modules that pin them
	version string // of the kit's origin
	dir     string // where they are kept: another for each content of the modules
}

func (k *kit) programs() (*programs, error) {
	modules, err := findModules()
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	all.WriteString(ldflags)
	for _, module := range k.modules {
		for _, file := range []string{"go.mod", "go.sum"} {
			b, err := os.ReadFile(filepath.Join(modules, module, file))
			if err != nil {
				return nil, err
			}
			all.Write(b)
		}
	}
	version := regexp.MustCompile(`(?m)^(?:require|\t)\s*` + regexp.QuoteMeta(k.origin) + ` (v\S+)`).FindSubmatch(all.Bytes())
	if version == nil {
		return nil, fmt.Errorf("no module in %s requires %s", modules, k.origin)
	}
	p := &programs{modules: modules, version: string(version[1])}
	sum := sha256.Sum256(all.Bytes())
	p.dir, err = buildcache.Path(fmt.Sprintf("%s-%s-%x", k.name, p.version, sum[:4]))
	return p, err
}

// findModules looks for the modules above the working directory, which for a test
// is that of its package.
func findModules() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for top := wd; ; top = filepath.Dir(top) {
		dir := filepath.Join(top, modulesDir)
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
		if top == filepath.Dir(top) {
			return "", fmt.Errorf("no %s at or above %s", modulesDir, wd)
		}
	}
}

// buildTools builds the tools of a module.
func (p *programs) buildTools(ctx context.Context, module, out string) error {
	cmd := p.command(ctx, module, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", ldflags+p.version, "-o", out, "tool")
	tell := func(how string) { fmt.Fprintln(os.Stderr, how) }
	tell(strings.Join(cmd.Args, " "))
	if err := buildcache.Run(cmd, module, tell); err != nil {
		return fmt.Errorf("run go build in %s: %w", cmd.Dir, err)
	}
	return nil
}

// command is the go command in a module.
func (p *programs) command(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(p.modules, module)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	return cmd
}
