// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestAltNames gives names to one device and takes one back: no other name, and no
// other device, is touched.
func TestAltNames(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	for _, name := range []string{"br1", "br2"} {
		if err := ns.AddDevice("bridge", name); err != nil {
			t.Fatal(err)
		}
	}
	one, two := find(t, ns, "br1").Index, find(t, ns, "br2").Index
	const gone = 4242
	for _, step := range []struct {
		what  string
		do    func(int, string) error
		index int
		name  string
		want  error
	}{
		{"give", link.AddAltName, one, "green", nil},
		{"give another", link.AddAltName, one, "rails", nil},
		{"give twice", link.AddAltName, one, "green", fs.ErrExist},
		{"give to another device", link.AddAltName, two, "green", fs.ErrExist},
		{"give what is an interface's own name", link.AddAltName, two, "br1", fs.ErrExist},
		{"give to nobody", link.AddAltName, gone, "blue", link.ErrNotFound},
		{"give to index 0", link.AddAltName, 0, "blue", unix.EINVAL},
		{"take from another device", link.RemoveAltName, two, "green", nil},
		{"take what is not there", link.RemoveAltName, one, "blue", nil},
		{"take an interface's own name", link.RemoveAltName, one, "br1", nil},
		{"take from nobody", link.RemoveAltName, gone, "green", link.ErrNotFound},
		{"take", link.RemoveAltName, one, "rails", nil},
	} {
		if err := ns.Do(func() error { return step.do(step.index, step.name) }); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.what, err, step.want)
		}
	}
	if diff := cmp.Diff([]string{"green"}, find(t, ns, "br1").AltNames); diff != "" {
		t.Errorf("names of br1 (-want +got):\n%s", diff)
	}
	if got := find(t, ns, "br2").AltNames; got != nil {
		t.Errorf("names of br2: %v, want none", got)
	}
}

// TestMaxInterfaceName asks the kernel how long the name of a device may be.
func TestMaxInterfaceName(t *testing.T) {
	ns := netnstest.NewT(t, "node")
	for length, want := range map[int]bool{discovery.MaxInterfaceName: true, discovery.MaxInterfaceName + 1: false} {
		if err := ns.AddDevice("bridge", strings.Repeat("x", length)); (err == nil) != want {
			t.Errorf("make a device whose name has %d characters: %v", length, err)
		}
	}
}
