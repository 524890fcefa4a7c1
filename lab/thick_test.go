// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"os"
	"path/filepath"
	"testing"
)

// thickly runs a program as the daemon of a thick Multus does: in mounts of its own, after
// a chroot into the node's file system.
const thickly = `mount --rbind / "$0" && exec chroot "$0" "$1"`

// TestPluginsThickMultus has the plugin run where a thick Multus runs it: it sees the
// node's files, and what is attached so is alive for colvin gc.
func TestPluginsThickMultus(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	root := filepath.Join(t.TempDir(), "hostroot")
	r.ok(os.Mkdir(root, 0o700))
	p := r.pod(r.stdin(hostLocal))
	call := func(verb string) {
		t.Helper()
		direct := p.Command(t.Context(), verb)
		cmd := r.Command(t.Context(), "unshare", "--mount", "sh", "-c", thickly, root, direct.Path)
		cmd.Env, cmd.Stdin = direct.Env, direct.Stdin
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("%s: %v: %s", verb, err, out)
		}
	}
	call("ADD")
	r.pings(p)
	said, err := r.Colvin(t.Context(), "gc", "--dry-run")
	r.ok(err)
	if want := "Nothing is left over: no container would be detached.\n"; said != want {
		t.Errorf("colvin gc says %q, want %q", said, want)
	}
	r.says(" ok")
	call("DEL")
	r.empty(p)
	r.clean()
}
