// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/statefile"
)

// TestClearedOnANode has what a killed agent left, and claims that only its index would
// refute, on a kernel.
func TestClearedOnANode(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	for _, name := range []string{"br1", "br2"} {
		if err := ns.AddDevice("bridge", name); err != nil {
			t.Fatal(err)
		}
	}
	boot, err := bootid.Read()
	if err != nil {
		t.Fatal(err)
	}
	br1, br2 := look(t, ns, "br1"), look(t, ns, "br2")
	if err := ns.Do(func() error {
		return errors.Join(link.AddAltName(br1.Index, "green"), link.AddAltName(br1.Index, "lime"), link.AddAltName(br2.Index, "rails"))
	}); err != nil {
		t.Fatal(err)
	}
	dir := statefile.Dir(t.TempDir())
	const gone = 4242
	if err := saveRecord(dir, boot, []altName{owns(br1, "green"), {Name: "rails", Index: gone, MAC: br2.MAC}}); err != nil {
		t.Fatal(err)
	}
	if err := ns.Do(func() error { return ClearUnlessRunning(t.TempDir(), string(dir)) }); err != nil {
		t.Error(err)
	}
	for name, want := range map[string][]string{"br1": {"lime"}, "br2": {"rails"}} {
		if diff := cmp.Diff(want, look(t, ns, name).AltNames); diff != "" {
			t.Errorf("names of %s (-want +got):\n%s", name, diff)
		}
	}
}

// TestClearedByNobody holds that who may not look for a record complains of no names.
func TestClearedByNobody(t *testing.T) {
	const nobody = 65534
	run, state := t.TempDir(), t.TempDir()
	if err := errors.Join(saveRecord(statefile.Dir(state), "boot", []altName{{Name: "green", Index: 1}}), os.Chown(run, nobody, nobody)); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	if err := os.Chmod(state, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever, so that the thread ends
		if err := unix.Setfsuid(nobody); err != nil && os.Geteuid() == 0 {
			done <- err
			return
		}
		done <- ClearUnlessRunning(run, state)
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// look finds a device of a namespace.
func look(t *testing.T, ns *netnstest.Namespace, name string) discovery.Interface {
	t.Helper()
	var all []discovery.Interface
	if err := ns.Do(func() (err error) { all, err = link.List(); return err }); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Name == name {
			return all[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return discovery.Interface{}
}
