// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whereabouts is a kit that nobody builds here.
func whereabouts(build func(dir string) error) *Kit {
	return &Kit{
		Name: "probe", Origin: "github.com/k8snetworkplumbingwg/whereabouts", Modules: []string{"whereabouts"}, Took: "an hour", Target: "make probe",
		Build: func(_ context.Context, _ *Programs, dir string) error { return build(dir) },
	}
}

func TestInstall(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	k := whereabouts(func(dir string) error { return os.WriteFile(filepath.Join(dir, "program"), nil, 0o755) })
	if _, err := k.Installed(); err == nil || !strings.Contains(err.Error(), "(make probe builds it, in about an hour)") {
		t.Errorf("before: %v, want how to get it", err)
	}
	want, err := k.Install(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Installed()
	if diff := cmp.Diff(want, got); err != nil || diff != "" || !strings.HasPrefix(filepath.Base(got), "probe-v0.") {
		t.Errorf("%v, installed in %s (-want +got):\n%s", err, got, diff)
	}
}

func TestInstallInterrupted(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := whereabouts(nil)
	k.Build = func(ctx context.Context, p *Programs, dir string) error {
		return p.BuildTools(ctx, "whereabouts", dir+"/")
	}
	if _, err := k.Install(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if left, err := os.ReadDir(filepath.Join(cache, "colvin")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDir holds that a kit is built anew when anything that it is built of changes.
func TestDir(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	module := filepath.Join(top, modulesDir, "probe")
	if err := errors.Join(os.MkdirAll(module, 0o755), write(module, "go.sum", "")()); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(top, modulesDir, "other")
	if err := errors.Join(os.MkdirAll(other, 0o755), write(other, "main.go", "package main")()); err != nil {
		t.Fatal(err)
	}
	k := &Kit{Name: "probe", Origin: "example.org/probe", Modules: []string{"probe"}}
	seen := map[string]bool{}
	for _, change := range []func() error{
		write(module, "go.mod", "module probe\n\nrequire example.org/probe v1.2.3\n"),
		write(module, "go.sum", "other"),
		write(module, "main.go", "package main"),
		func() error { k.Ldflags = "-s"; return nil },
		func() error { k.Sources = []string{modulesDir + "/other"}; return nil },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		p, err := k.Programs()
		if err != nil {
			t.Fatal(err)
		}
		if seen[p.Dir] || p.Version != "v1.2.3" {
			t.Errorf("after change %d: version %s, in %s, as before: %t", len(seen), p.Version, p.Dir, seen[p.Dir])
		}
		seen[p.Dir] = true
	}
}

func write(dir, file, content string) func() error {
	return func() error { return os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644) }
}

func TestTopIsFoundFromBelowOnly(t *testing.T) {
	want, err := Top()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(want, modulesDir, "etcd", "go.mod")); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if got, err := Top(); err == nil {
		t.Errorf("found %s", got)
	}
}
