// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/controller"
)

// TestConnection holds that what is wrong with the access names the flag that gives it.
func TestConnection(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := controller.Connection("")
	if !errors.Is(err, rest.ErrNotInCluster) || !strings.HasPrefix(err.Error(), "no --kubeconfig is given, and colvin-controller runs in no pod (") {
		t.Errorf("no file: %v", err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "no YAML": "{", "no cluster": "{apiVersion: v1, kind: Config}", "missing": ""} {
		file := filepath.Join(dir, name)
		if name != "missing" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := controller.Connection(file)
		if want := "read " + file + ", which --kubeconfig names: "; err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s...", name, err, want)
		}
	}
	good := filepath.Join(dir, "good")
	const text = `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], contexts: [{name: c, context: {cluster: c}}], current-context: c}`
	if err := os.WriteFile(good, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := controller.Connection(good); err != nil || c.Host != "https://127.0.0.1:1" {
		t.Errorf("%+v, %v", c, err)
	}
}
