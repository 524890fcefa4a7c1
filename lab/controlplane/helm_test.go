// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// chart writes a chart that says for which Kubernetes it is rendered.
func chart(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: probe\nversion: 1.0.0\n",
		"templates/configmap.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {kubernetes: "{{ .Capabilities.KubeVersion.Major }}.{{ .Capabilities.KubeVersion.Minor }}", said: {{ required "say something" .Values.said }}}
`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestHelmChosen(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for chosen, want := range map[string]string{"": "make kubernetes", "4": "make kubernetes", "3": "make helm3", "2": `COLVIN_HELM is "2": want 3 or 4`} {
		t.Setenv(HelmEnv, chosen)
		if _, err := HelmProgram(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s=%s: got %v, want %s", HelmEnv, chosen, err, want)
		}
	}
}

func TestHelmWithoutCluster(t *testing.T) {
	netnstest.Require(t, HelmInstalled)
	const want = `---
# Source: probe/templates/configmap.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: here}
data: {kubernetes: "1.37", said: hello}
`
	t.Setenv("HELM_NAMESPACE", "of the user")
	dir := chart(t)
	got, err := Helm(t.Context(), "template", "here", dir, "--set=said=hello")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, rendered (-want +got):\n%s", err, diff)
	}
	if _, err := Helm(t.Context(), "template", "here", dir); err == nil || !strings.Contains(err.Error(), "say something") {
		t.Errorf("template: got %v, want what is missing", err)
	}
	if out, err := Helm(t.Context(), "lint", dir); err != nil || !strings.Contains(out, "1 chart(s) linted, 0 chart(s) failed") {
		t.Errorf("lint: %v, %s", err, out)
	}
	if _, err := Helm(t.Context(), "lint", t.TempDir()); err == nil || !strings.Contains(err.Error(), "unable to check Chart.yaml") {
		t.Errorf("lint of no chart: got %v, want what is missing, which Helm prints", err)
	}
	if _, err := Helm(t.Context(), "pull", "http://example.org/chart.tgz"); err == nil || !strings.Contains(err.Error(), "proxyconnect") {
		t.Errorf("pull: got %v, want no way there", err)
	}
	_, err = Helm(t.Context(), "list")
	if err == nil || !strings.Contains(err.Error(), "cluster unreachable") {
		t.Errorf("list: got %v, want no cluster", err)
	}
}

func TestHelmVersion(t *testing.T) {
	netnstest.Require(t, HelmInstalled)
	got, err := Helm(t.Context(), "version", "--template={{ .Version }}")
	program, _ := HelmProgram()
	_, want, _ := strings.Cut(filepath.Base(filepath.Dir(program)), "-")
	if want, _, _ = strings.Cut(want, "-"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func testHelm(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		netnstest.Require(t, HelmInstalled)
		dir := chart(t)
		run := func(args ...string) string {
			t.Helper()
			out, err := c.Helm(t.Context(), args...)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		run("install", "there", dir, "--set=said=hello", "--wait")
		said, err := c.Kubectl(t.Context(), "get", "configmap", "there", "--output=jsonpath={.data.said}")
		if err != nil || said != "hello" {
			t.Errorf("installed: %v, %s", err, said)
		}
		if got := run("list", "--short"); got != "there\n" {
			t.Errorf("list: %s", got)
		}
		run("uninstall", "there")
		if got := run("list", "--short"); got != "" {
			t.Errorf("list after uninstall: %s", got)
		}
	}
}
