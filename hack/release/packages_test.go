// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// here is the platform of this machine: its programs are built already, for the most part.
var here = []platform{{"linux", runtime.GOARCH}}

// top is the repository.
const top = "../.."

// sums are those of all files in a directory.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return all
}

// TestSameRelease builds packages, archives and charts twice, the second time of a copy of the source
// whose files have other times and another mask, and looks for what differs.
func TestSameRelease(t *testing.T) {
	var all []map[string]string
	for i := range 2 {
		b := prepared(t, builder{root: top, version: "v1.2.3", chosen: here})
		if i == 1 { // another place, and other times than those of the checkout
			b.root = linked(t)
		}
		b.created = time.Unix(1_700_000_000, 0).UTC()
		if err := b.writePackages(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.writeKrew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.writeNodeArchives(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.writeCharts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.writeChecksums(); err != nil {
			t.Fatal(err)
		}
		all = append(all, sums(t, b.out))
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", checksums)
		check.Dir = b.out
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("built twice (-first +second):\n%s", diff)
	}
	want := slices.Sorted(slices.Values([]string{
		"SHA256SUMS", "colvin-1.2.3-1." + rpmArch() + ".rpm", "colvin-1.2.3.tgz", "colvin-crds-1.2.3.tgz", "colvin-manifests_v1.2.3.tar.gz",
		"colvin-package-v1.2.3-" + runtime.GOARCH + ".cdx.json", "colvin.yaml", "colvin_1.2.3-1_" + runtime.GOARCH + ".deb",
		"colvin_v1.2.3_linux_" + runtime.GOARCH + ".cdx.json", "colvin_v1.2.3_linux_" + runtime.GOARCH + ".tar.gz",
		"kubectl-colvin-1.2.3-1." + rpmArch() + ".rpm", "kubectl-colvin-package-v1.2.3-" + runtime.GOARCH + ".cdx.json", "kubectl-colvin_1.2.3-1_" + runtime.GOARCH + ".deb",
		"kubectl-colvin_linux_" + runtime.GOARCH + ".cdx.json", "kubectl-colvin_linux_" + runtime.GOARCH + ".tar.gz",
	}))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(all[0]))); diff != "" {
		t.Errorf("a release consists of (-want +got):\n%s", diff)
	}
}

// rpmArch is this architecture as rpm calls it.
func rpmArch() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
}

// linked is a copy of the repository, in which each file is of today and only its owner's.
func linked(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "elsewhere")
	out, err := exec.CommandContext(t.Context(), "git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(top, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPackageVersion compares versions as dpkg does: what is no release is older than all that are,
// and what comes before a release is older than it.
func TestPackageVersion(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	var versions []string
	for _, b := range []builder{
		{version: "16e8e40", created: at}, {version: "v0.0.1-12-g16e8e40-dirty", created: at.Add(time.Second)},
		{version: "lab_7", created: at.Add(2 * time.Second)}, {version: "v0.1.0-dirty", created: at.Add(3 * time.Second)},
		{version: "v0.0.1"}, {version: "v0.1.0-rc.1"}, {version: "v0.1.0-rc.2"}, {version: "v0.1.0"}, {version: "v0.10.0"},
	} {
		versions = append(versions, b.packageVersion())
	}
	for i, v := range versions[1:] {
		if out, err := exec.CommandContext(t.Context(), "dpkg", "--validate-version", v).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", v, err, out)
		}
		if out, err := exec.CommandContext(t.Context(), "dpkg", "--compare-versions", versions[i], "lt", v).CombinedOutput(); err != nil {
			t.Errorf("%s is not before %s: %v %s", versions[i], v, err, out)
		}
	}
}

// TestSettings builds a program where whoever calls has settings of the go command, in the
// environment and by "go env -w".
func TestSettings(t *testing.T) {
	root, above := sample(t), t.TempDir()
	build := func() string {
		t.Helper()
		b := prepared(t, builder{root: root, version: "v1.2.3"})
		program, err := b.programs(t.Context(), here[0], "tool")
		if err != nil {
			t.Fatal(err)
		}
		return sums(t, filepath.Dir(program[0]))["tool"]
	}
	plain := build()
	written := "GOFLAGS=-tags=theirs\nGOAMD64=v3\nGOARM64=v8.1\nGOFIPS140=latest\nGOWORK=" + filepath.Join(above, "go.work") + "\n"
	if err := os.WriteFile(filepath.Join(above, "env"), []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", filepath.Join(above, "env"))
	t.Setenv("GOEXPERIMENT", "jsonv2")
	if build() != plain {
		t.Error("settings of who builds get into programs")
	}
}

// TestRefused has calls from which nothing is built.
func TestRefused(t *testing.T) {
	root := sample(t)
	for _, tt := range []struct{ version, platforms, epoch, want string }{
		{version: "feature/x", want: `VERSION="feature/x": want letters, digits`},
		{version: "v1.2.3 -X", want: `VERSION="v1.2.3 -X": want letters, digits`},
		{version: "v1.2.3", epoch: "12 May", want: `SOURCE_DATE_EPOCH="12 May": want seconds`},
		{version: "v1.2.3", platforms: "plan9/amd64", want: `"plan9/amd64" is none of [linux/amd64`},
		{version: "v1.2.3", platforms: "darwin/amd64", want: "packages for none of [darwin/amd64]; want some of [linux/amd64 linux/arm64]"},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", tt.epoch)
		out := filepath.Join(t.TempDir(), "out")
		err := run(t.Context(), []string{"-source", root, "-out", out, "-version", tt.version, "-platforms", tt.platforms, "packages"})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%+v: there is a directory", tt)
		}
	}
}

// TestNoRelease has everything wrong that keeps a tree from being released.
func TestNoRelease(t *testing.T) {
	root := sample(t)
	for name, text := range map[string]string{
		"deploy/chart/Chart.yaml": "name: colvin\nversion: 1.2.3\nappVersion: v1.2.4\n", "CHANGELOG.md": "# Changes\n\n## v1.2.30 (then)\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := prepared(t, builder{root: root, version: "v1.2.3"})
	if err := os.WriteFile(filepath.Join(b.out, "old"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := b.writeRelease(t.Context())
	if err == nil {
		t.Fatal("it was built")
	}
	for _, want := range []string{
		"files that are not committed", `deploy/chart/Chart.yaml: want the line "appVersion: v1.2.3"`, "deploy/chart-crds/Chart.yaml: no such file", `CHANGELOG.md: want a section "## v1.2.3"`, "want an empty directory; remove old",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), `"version: 1.2.3"`) {
		t.Errorf("it complains of what is right:\n%v", err)
	}
	for _, version := range []string{"1.2", "v01.2.3", "v1.2.3-rc..1", "v1.2.3-dirty"} {
		b.version = version
		if err := b.writeRelease(t.Context()); err == nil || !strings.Contains(err.Error(), "VERSION="+version+": want one as v1.2.3") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// TestVersions asks each program which version it is.
func TestVersions(t *testing.T) {
	b := prepared(t, builder{root: top, version: "v1.2.3", chosen: here})
	for name, args := range map[string][]string{
		"colvin": {"version"}, "colvind": {"-version"}, "colvin-controller": {"-version"}, "colvin-cni": nil, kubectlPlugin: {"--version"},
	} {
		programs, err := b.programs(t.Context(), here[0], name)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), programs[0], args...)
		cmd.Env = []string{"HOME=" + t.TempDir()} // no agent, no cluster
		said, _ := cmd.CombinedOutput()           // the plugin misses its command, too
		if !strings.Contains(string(said), "v1.2.3") {
			t.Errorf("%s %v: %s", name, args, said)
		}
	}
}

// TestAgentPage holds the page of colvind against the flags that it has.
func TestAgentPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "deploy/packages/colvind.8"))
	if err != nil {
		t.Fatal(err)
	}
	b := prepared(t, builder{root: top, version: "v1.2.3", chosen: here})
	programs, err := b.programs(t.Context(), here[0], "colvind")
	if err != nil {
		t.Fatal(err)
	}
	said, _ := exec.CommandContext(t.Context(), programs[0], "-help").CombinedOutput() // exits with 2
	flags := regexp.MustCompile(`(?m)^  -([a-z]+)`).FindAllSubmatch(said, -1)
	if len(flags) != 3 {
		t.Fatalf("colvind has %d flags:\n%s", len(flags), said)
	}
	for _, f := range flags {
		if !bytes.Contains(page, slices.Concat([]byte(`\-`), f[1])) {
			t.Errorf("the page has no -%s", f[1])
		}
	}
}
