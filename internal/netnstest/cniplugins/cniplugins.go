// SPDX-License-Identifier: Apache-2.0

// Package cniplugins builds the reference CNI plugins and their driver for tests
// and the lab; the product never imports it.
package cniplugins

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/colvin-net/colvin/internal/buildcache"
)

// A release is what is built of one version of a module.
type release struct {
	module, version string
	packages        []string // main packages, relative to the module
}

func plugins() release {
	return release{"github.com/containernetworking/plugins", "v1.9.1", []string{
		"plugins/main/bridge", "plugins/main/host-device", "plugins/main/ipvlan", "plugins/main/loopback", "plugins/main/macvlan", "plugins/main/vlan",
		"plugins/ipam/dhcp", "plugins/ipam/host-local", "plugins/ipam/static", "plugins/meta/tuning",
	}}
}

func tool() release {
	return release{"github.com/containernetworking/cni", "v1.3.1", []string{"cnitool"}}
}

// Install returns the directory, for CNI_PATH, that holds bridge, host-device,
// ipvlan, loopback, macvlan and vlan, the IPAM plugins dhcp, host-local and static, and tuning.
// It builds them with the go command the first time and keeps them in the user's
// cache; that needs the module proxy or a filled module cache. How far that came it
// tells, where somebody wants to know.
func Install(ctx context.Context, tell func(how string)) (string, error) {
	return plugins().install(ctx, tell)
}

// CNITool returns the path of cnitool, which calls plugins through libcni as
// container runtimes do. It is no plugin, so it has a directory of its own; else
// it is built and kept as the plugins are.
func CNITool(ctx context.Context, tell func(how string)) (string, error) {
	dir, err := tool().install(ctx, tell)
	return filepath.Join(dir, "cnitool"), err
}

// dirName is another for each choice of packages, so that a directory from
// before a change of that is not taken for complete.
func (r release) dirName() string {
	sum := sha256.Sum256([]byte(strings.Join(r.packages, "\n")))
	return fmt.Sprintf("%s-%s-%x", path.Base(r.module), r.version, sum[:4])
}

func (r release) install(ctx context.Context, tell func(how string)) (string, error) {
	dir, err := buildcache.Path(r.dirName())
	if err == nil {
		err = buildcache.Fill(dir, func(tmp string) error { return r.build(ctx, tmp, tell) })
	}
	if err != nil {
		return "", fmt.Errorf("install %s %s: %w", r.module, r.version, err)
	}
	return dir, nil
}

func (r release) build(ctx context.Context, dir string, tell func(how string)) error {
	args := []string{"install", "-v", "-trimpath"}
	for _, p := range r.packages {
		args = append(args, r.module+"/"+p+"@"+r.version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir // outside every module and workspace
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if err := buildcache.Run(cmd, path.Base(r.module)+" "+r.version, tell); err != nil {
		return fmt.Errorf("run go install: %w", err)
	}
	return nil
}
