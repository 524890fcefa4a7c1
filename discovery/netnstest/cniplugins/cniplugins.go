// SPDX-License-Identifier: Apache-2.0

// Package cniplugins builds the reference CNI plugins for tests and the lab; the
// product never imports it.
package cniplugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

const (
	module  = "github.com/containernetworking/plugins"
	version = "v1.9.1"
)

// packages are what is built, relative to the module.
func packages() []string {
	return []string{"plugins/main/macvlan", "plugins/main/bridge", "plugins/ipam/host-local", "plugins/ipam/static"}
}

// Install returns the directory, for CNI_PATH, that holds macvlan, bridge,
// host-local and static. It builds them with the go command the first time and
// keeps them in the user's cache; that needs the module proxy or a filled
// module cache.
func Install(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for the CNI plugins: %w", err)
	}
	dir := filepath.Join(cache, "colvin", "plugins-"+version)
	if err := install(ctx, dir); err != nil {
		return "", fmt.Errorf("install the CNI plugins %s: %w", version, err)
	}
	return dir, nil
}

// install builds into a directory of its own and renames it, so that dir is
// either complete or absent, however many do this at once.
func install(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, "building-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone already after the rename
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := build(ctx, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func build(ctx context.Context, dir string) error {
	args := []string{"install", "-trimpath"}
	for _, p := range packages() {
		args = append(args, module+"/"+p+"@"+version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir // outside every module and workspace
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run go install: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
