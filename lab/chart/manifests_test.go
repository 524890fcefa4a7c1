// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const manifests = "../../deploy/manifests"

// plain is what deploy/manifests is rendered of.
var plain = variant{set: []string{
	"image.registry=registry.example.com/colvin,namespace.create=true,policies.moreDefinitions=true,tenantRoles=true,viewerRole=true",
}}

// fileOf is where what a template renders goes.
func fileOf(template string) string {
	dir, name := filepath.Split(template)
	switch {
	case template == "namespace.yaml":
		return "0-namespace.yaml" // kubectl applies files by their names
	case template == "tenants.yaml", template == "viewer.yaml":
		return "optional/" + template
	case name == "more-definitions.yaml":
		return "optional/definitions.yaml"
	case dir == "agent/", dir == "controller/":
		return strings.TrimSuffix(dir, "/") + ".yaml"
	}
	return template
}

var (
	// helms are what is true of what Helm renders and installs only.
	helms = regexp.MustCompile(`(?m)^(# Source| *helm\.sh/chart| *app\.kubernetes\.io/managed-by): .*\n`)
	// blank is where Helm 4 leaves lines empty, and Helm 3 does not.
	blank = regexp.MustCompile(`\n+(\n---\n|\n$)`)
)

// TestManifests holds that deploy/manifests is what the chart renders; "make manifests" writes it.
func TestManifests(t *testing.T) {
	netnstest.Require(t, controlplane.HelmInstalled)
	dir := t.TempDir()
	if _, err := controlplane.Helm(t.Context(), append(plain.args(t, "template"), "--output-dir="+dir)...); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	rendered := filesIn(t, filepath.Join(dir, "colvin/templates"))
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		want[fileOf(name)] += blank.ReplaceAllString(helms.ReplaceAllString(rendered[name], ""), "$1")
	}
	for name, text := range want {
		want[name] = "# Rendered from deploy/chart by \"make manifests\". DO NOT EDIT.\n" + text
	}
	if *update {
		write(t, want)
	}
	if diff := cmp.Diff(want, filesIn(t, manifests)); diff != "" {
		t.Errorf("deploy/manifests is not what the chart renders; run make manifests (-rendered +there):\n%s", diff)
	}
}

// filesIn are the files below a directory, in the order of their names.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, filepath.Clean(dir)+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t *testing.T, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(manifests); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(manifests, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
