// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A definition cannot lead the plugin to a node file that says something else, nor its
// records to where nobody looks for them.
func TestDirectoriesOfConfiguration(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	forged := b.node
	forged.Networks = []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{attached(eth(5, "eth2"), 200)}}}
	elsewhere := filepath.Join(b.dir, "volume")
	b.must(errors.Join(os.Mkdir(elsewhere, 0o755), nodefile.Write(filepath.Join(elsewhere, nodefile.FileName), &forged)))
	for key, variable := range map[string]string{"runDirectory": runDirVar, "recordDirectory": recordDirVar} {
		b.conf[key] = elsewhere
		b.wantError(b.do(b.plugin.Add), 7, `node1: network "green": "`+key+`" is set, but the directories are the node's to say; remove it, or set `+
			variable+` in the environment of the container runtime`)
		delete(b.conf, key)
	}
	b.wantVerbs()

	b.must(b.do(b.plugin.Add)) // and who is attached can be detached whatever the definition says by now
	b.conf["runDirectory"], b.conf["recordDirectory"] = elsewhere, elsewhere
	b.wantRecords(1)
	b.must(b.do(b.plugin.Check))
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
	if files, err := os.ReadDir(elsewhere); err != nil || len(files) != 1 {
		t.Errorf("in the definition's directory are %v, %v", files, err)
	}
}

func TestDirectoriesOfEnvironment(t *testing.T) {
	env := map[string]string{}
	p := FromEnvironment(func(name string) string { return env[name] })
	if want := (directories{"/run/colvin", "/var/lib/colvin/attachments"}); p.directories != want || p.misplaced != nil {
		t.Errorf("got %v, %v, want %v", p.directories, p.misplaced, want)
	}
	env[runDirVar], env[recordDirVar] = "/run/other/", "/var/lib/other"
	p = FromEnvironment(func(name string) string { return env[name] })
	if want := (directories{"/run/other", "/var/lib/other"}); p.directories != want || p.misplaced != nil {
		t.Errorf("got %v, %v, want %v", p.directories, p.misplaced, want)
	}
	env[recordDirVar] = "records"
	f := FromEnvironment(func(name string) string { return env[name] }).Funcs()
	b := newBench(t)
	for _, verb := range []func(*skel.CmdArgs) error{f.Add, f.Del, f.Check, f.GC, f.Status} {
		b.wantError(b.do(verb), 4, `COLVIN_RECORD_DIRECTORY is "records", want an absolute path; correct it in the environment of the container runtime`)
	}
}
