// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/privatedir"
)

// TestInstallCNI installs the plugin and the command, again, and removes the plugin.
func TestInstallCNI(t *testing.T) {
	dir := privatedir.New(t)
	from, plugins, commands := filepath.Join(dir, "from"), filepath.Join(dir, "plugins"), filepath.Join(dir, "commands")
	buildPlugin(t, filepath.Join(from, "colvin-cni"))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(from, "colvin"), "github.com/colvin-net/colvin/cmd/colvin")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out strings.Builder
	for _, args := range [][]string{
		{"--command-directory", commands},
		{"--command-directory", commands},
		{"--name", "colvin-2"},
		{"--programs", dir},
		{"--cni-directory", commands}, // where the command has the plugin's name
		{"--command-directory", plugins + "/"},
		{"--command-directory", plugins, "--command-name", "colvin-cli"},
	} {
		args = append([]string{"install-cni", "--programs", from, "--cni-directory", plugins}, args...)
		out.WriteString("$ colvin " + strings.Join(args, " ") + "\n" + run(t, dir, args...))
	}
	expect(t, "install", strings.ReplaceAll(out.String(), dir, "DIR"))
	if out := run(t, dir, "uninstall-cni", "--cni-path", plugins, "--record-directory", filepath.Join(dir, "records")); !strings.Contains(out, "Removed ") {
		t.Errorf("what was installed is not removed: %s", out)
	}
}
