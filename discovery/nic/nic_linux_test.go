// SPDX-License-Identifier: Apache-2.0

package nic

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
)

func TestMain(m *testing.M) {
	os.Exit(netnstest.Main(func() int { return leaktest.Run(m) }))
}

// cableEnd makes a namespace with a veth device eth1.
func cableEnd(t *testing.T) *netnstest.Namespace {
	t.Helper()
	node, far := netnstest.NewT(t, "node"), netnstest.NewT(t, "far")
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: far, Name: "p1"})
	return node
}

// TestKernel reads a device without private flags, one without a driver and one
// that is not there, with no privilege.
func TestKernel(t *testing.T) {
	node := cableEnd(t)
	err := node.Do(withoutCapabilities(t, func() {
		for name, want := range map[string]Facts{"eth1": {Driver: "veth"}, "lo": {}} {
			got, err := Kernel{}.Facts(name)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("facts of %s (-want +got):\n%s", name, diff)
			}
		}
		for _, name := range []string{"nosuch", "", "a-name-that-is-too-long"} {
			if got, err := (Kernel{}).Facts(name); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("facts of %q: %+v, error %v, want one that names it", name, got, err)
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// withoutCapabilities makes f run with no capability in effect, on its thread.
func withoutCapabilities(t *testing.T, f func()) func() error {
	t.Helper()
	return func() (err error) {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var has [2]unix.CapUserData // that version has two
		if err := unix.Capget(&header, &has[0]); err != nil {
			return err
		}
		less := has
		less[0].Effective, less[1].Effective = 0, 0
		if err := unix.Capset(&header, &less[0]); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unix.Capset(&header, &has[0])) }()
		f()
		return nil
	}
}

// TestNames reads another set of names than that of private flags, which no
// virtual device has: the statistics of a veth.
func TestNames(t *testing.T) {
	node := cableEnd(t)
	err := node.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		info, err := unix.IoctlGetEthtoolDrvinfo(fd, "eth1")
		if err != nil {
			return err
		}
		const statistics = 1 // ETH_SS_STATS
		names, err := readNames(fd, "eth1", statistics, info.N_stats)
		if err != nil {
			return err
		}
		if len(names) != int(info.N_stats) || !slices.Contains(names, "peer_ifindex") || slices.Contains(names, "") {
			t.Errorf("statistics %q", names)
		}
		if names, err := readNames(fd, "eth1", statistics, maxNames+1); err == nil {
			t.Errorf("more names than there is room for: %d", len(names))
		}
		if flags, err := privateFlags(fd, "eth1", 1); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("private flags of a veth: %v, %v", flags, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
