// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ownCNI is a CNI directory that the node has for itself, as it loses the plugin.
const ownCNI = "/run/cni-bin"

// TestPluginsUninstall has the plugin removed while a pod is attached, and then when none
// is.
func TestPluginsUninstall(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.ok(copyFiles(binaries.CNI, r.Path(ownCNI)))
	plugin := filepath.Join(ownCNI, "colvin")
	p := r.pod(r.stdin(hostLocal))
	call := func(verb string) error {
		cmd := r.Command(t.Context(), plugin)
		cmd.Env, cmd.Stdin = append(p.Command(t.Context(), verb).Env, "CNI_PATH="+ownCNI), strings.NewReader(r.stdin(hostLocal).String())
		return cmd.Run()
	}
	r.ok(call("ADD"))
	r.pings(p)

	_, err := r.Colvin(t.Context(), "uninstall-cni", "--cni-path", ownCNI)
	if err == nil || !strings.Contains(err.Error(), p.String()) || !strings.Contains(err.Error(), " attached\n") {
		t.Errorf("%v, want a refusal that names %s", err, p)
	}
	r.pings(p)
	r.ok(call("DEL")) // which the plugin is needed for
	r.empty(p)
	r.clean()

	said, err := r.Colvin(t.Context(), "uninstall-cni", "--cni-path", ownCNI)
	r.ok(err)
	if want := "Removed " + plugin + ". "; !strings.HasPrefix(said, want) {
		t.Errorf("want %q in\n%s", want, said)
	}
	if _, err := os.Lstat(r.Path(plugin)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the plugin is there: %v", err)
	}
	if _, err := os.Lstat(r.Path(filepath.Join(ownCNI, "macvlan"))); err != nil {
		t.Errorf("the delegate is gone: %v", err)
	}
	r.clean()
}

// TestPluginsUninstalledMeanwhile has the plugin removed after it was started and before it
// takes its lock.
func TestPluginsUninstalledMeanwhile(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.ok(copyFiles(binaries.CNI, r.Path(ownCNI)))
	p := r.pod(r.stdin(hostLocal))
	stdin, conf := io.Pipe()
	cmd := r.Command(t.Context(), filepath.Join(ownCNI, "colvin"))
	cmd.Env, cmd.Stdin = append(p.Command(t.Context(), "ADD").Env, "CNI_PATH="+ownCNI), stdin
	var said strings.Builder
	cmd.Stdout = &said
	r.ok(cmd.Start())
	_, err := r.Colvin(t.Context(), "uninstall-cni", "--cni-path", ownCNI)
	r.ok(err)
	_, err = io.WriteString(conf, r.stdin(hostLocal).String()) // it has waited for that
	r.ok(errors.Join(err, conf.Close()))
	if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "the plugin is being removed from this node") {
		t.Errorf("ADD: %v, %s", err, said.String())
	}
	r.empty(p)
	for _, left := range r.leftOver() {
		t.Errorf("left over: %s", left)
	}
}

// copyFiles copies a directory of programs.
func copyFiles(from, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
