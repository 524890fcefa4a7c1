// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) {
	os.Exit(Main(func() int {
		if os.Getenv(labEnv) != "" {
			return runLab()
		}
		return leaktest.Run(m)
	}))
}

func netnsOf(path string) string {
	id, err := os.Readlink(path)
	if err != nil {
		return err.Error()
	}
	return id
}

func TestDo(t *testing.T) {
	ns := NewT(t, "node")
	const own = "/proc/thread-self/ns/net"
	before := netnsOf(own)
	failure := errors.New("f failed")
	err := ns.Do(func() error {
		if got, want := netnsOf(own), netnsOf(ns.NetNS()); got != want {
			t.Errorf("f runs in %s, want %s", got, want)
		}
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			return err
		}
		if lo.Flags&net.FlagUp == 0 {
			t.Error("loopback is not up")
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v, want the error of f", err)
	}
	if got := netnsOf(own); got != before {
		t.Errorf("left in %s, want %s", got, before)
	}
}

func TestCommand(t *testing.T) {
	ns := NewT(t, "node")
	hostDirs := func() string {
		var there []string
		for _, dir := range []string{"/run/colvin", "/var/lib/colvin", "/var/lib/cni", "/etc/colvin", "/etc/cni"} {
			if _, err := os.Stat(dir); err == nil {
				there = append(there, dir)
			}
		}
		return strings.Join(there, " ")
	}
	before := hostDirs()
	out, err := ns.Command(t.Context(), "sh", "-ec", `
		ls /sys/class/net
		for dir in /run/colvin /var/lib/colvin /var/lib/cni /etc/colvin /etc/cni; do
			ls $dir; echo x >$dir/x; cat $dir/x
		done
		test -s /etc/passwd; test -d /var/lib/.; test -r /proc/self/status
	`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff("lo\nx\nx\nx\nx\nx\n", string(out)); diff != "" {
		t.Errorf("unexpected output (-want +got):\n%s", diff)
	}
	if b, err := os.ReadFile(ns.Path("/run/colvin/x")); err != nil || string(b) != "x\n" {
		t.Errorf("read from outside: %q, %v", b, err)
	}
	if got := hostDirs(); got != before {
		t.Errorf("the host has %q, had %q", got, before)
	}
}

func TestMirrorKeepsEntries(t *testing.T) {
	ns := NewT(t, "node")
	for _, dir := range []string{"/etc", "/var/lib"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if _, err := os.Stat(path); err == nil && path != "/var/lib/cni" && path != "/var/lib/colvin" {
				want = append(want, path)
			}
		}
		if out, err := ns.Command(t.Context(), "ls", append([]string{"-dL"}, want...)...).CombinedOutput(); err != nil {
			t.Errorf("ls: %v: %s", err, out)
		}
	}
}

func TestSetBootID(t *testing.T) {
	ns := NewT(t, "node")
	host, err := os.ReadFile(bootIDFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"first", "second boot"} {
		if err := ns.SetBootID(id); err != nil {
			t.Fatal(err)
		}
		out, err := ns.Command(t.Context(), "cat", bootIDFile).Output()
		if err != nil || string(out) != id+"\n" {
			t.Errorf("got %q, %v, want %q", out, err, id)
		}
	}
	if b, err := os.ReadFile(bootIDFile); err != nil || string(b) != string(host) {
		t.Errorf("boot ID of the host: %q, %v, was %q", b, err, host)
	}
}

// A device as an operator would describe it.
func describe(t *testing.T, ns *Namespace, name string) string {
	t.Helper()
	link, err := ns.link(name)
	if err != nil {
		t.Fatal(err)
	}
	a := link.Attrs()
	carrier := "no carrier"
	if a.RawFlags&unix.IFF_LOWER_UP != 0 {
		carrier = "carrier"
	}
	changes, err := ns.Command(t.Context(), "cat", "/sys/class/net/"+name+"/carrier_changes").Output()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %d %s %s, %s changes", a.Name, a.Index, a.HardwareAddr, carrier, strings.TrimSpace(string(changes)))
}

func TestCable(t *testing.T) {
	node := NewT(t, "node")
	green := NewSwitchT(t, SwitchConfig{Name: "green", Speaker: None})
	blue := NewSwitchT(t, SwitchConfig{Name: "blue", Speaker: None})
	mac := discovery.MAC{0x02, 0, 0, 0, 0x0a, 0x01}
	cable := ConnectT(t, Endpoint{node, "eth1", mac}, Endpoint{In: green, Name: "p1"})
	// Names that are taken at either side are no obstacle to a move.
	for name, sw := range map[string]*Switch{"eth2": green, "eth3": blue} {
		ConnectT(t, Endpoint{In: node, Name: name}, Endpoint{In: sw, Name: "p2"})
	}
	link, err := node.link("eth1")
	if err != nil {
		t.Fatal(err)
	}
	index := link.Attrs().Index

	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"connected", func() error { return nil }, "carrier, 2 changes"},
		{"unplugged", cable.Unplug, "no carrier, 3 changes"},
		{"plugged", cable.Plug, "carrier, 4 changes"},
		{"moved", func() error { return cable.Move(t.Context(), Endpoint{In: blue, Name: "p1"}) }, "carrier, 6 changes"},
		{"moved within", func() error { return cable.Move(t.Context(), Endpoint{In: blue, Name: "p3"}) }, "carrier, 8 changes"},
		{"moved to node", func() error { return cable.Move(t.Context(), Endpoint{In: node, Name: "far0"}) }, "carrier, 10 changes"},
		{"moved back", func() error { return cable.Move(t.Context(), Endpoint{In: green, Name: "p1"}) }, "carrier, 12 changes"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		want := fmt.Sprintf("eth1 %d %s %s", index, mac, step.want)
		if diff := cmp.Diff(want, describe(t, node, "eth1")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	if err := cable.Close(); err != nil {
		t.Error(err)
	}
	if _, err := node.link("eth1"); err == nil {
		t.Error("the device survived its cable")
	}
}

func TestPower(t *testing.T) {
	Require(t, MACVLAN)
	node := NewT(t, "node")
	sw := NewSwitchT(t, SwitchConfig{Name: "green", Speaker: None})
	for _, name := range []string{"mgmt0", "eth1"} {
		ConnectT(t, Endpoint{In: node, Name: name}, Endpoint{In: sw, Name: "to-" + name})
	}
	ConnectT(t, Endpoint{In: node, Name: "pod1"}, Endpoint{In: node, Name: "inside"})
	if err := errors.Join(node.AddUpper("macvlan", "mac0", "eth1"), node.AddDevice("bridge", "cni0", "pod1")); err != nil {
		t.Fatal(err)
	}
	eth1, mgmt0 := describe(t, node, "eth1"), describe(t, node, "mgmt0")
	if err := node.LosePower("mgmt0"); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, node, "eth1"); !strings.Contains(got, " no carrier") {
		t.Errorf("without power: %s", got)
	}
	for _, gone := range []string{"mac0", "cni0", "pod1", "inside"} {
		if _, err := node.link(gone); err == nil {
			t.Errorf("%s survived", gone)
		}
	}
	if err := node.HavePower(); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, node, "eth1"); strings.Contains(got, " no carrier") || got == eth1 {
		t.Errorf("with power again: %s, before %s", got, eth1)
	}
	if diff := cmp.Diff(mgmt0, describe(t, node, "mgmt0")); diff != "" {
		t.Errorf("the device to be kept (-want +got):\n%s", diff)
	}
}

func TestConnectFailure(t *testing.T) {
	node := NewT(t, "node")
	sw := NewSwitchT(t, SwitchConfig{Name: "leaf", Speaker: None})
	_, err := Connect(t.Context(), Endpoint{In: node, Name: "lo"}, Endpoint{In: sw, Name: "p1"})
	if want := "connect node:lo to leaf:p1: add veth pair: file exists"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNewCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, "node"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	ns := NewT(t, "node")
	if err := ns.Command(t.Context(), "sh", "-c", "sleep 0.1 & exit").Run(); err != nil {
		t.Fatal(err)
	}
	// Left are the holder (sh and cat) and the shell that looks.
	err := poll(t.Context(), func() (bool, error) {
		out, err := ns.Command(t.Context(), "sh", "-c", "cat /proc/[0-9]*/comm; exit").Output()
		if err != nil {
			return false, err
		}
		names := strings.Fields(string(out))
		slices.Sort(names)
		if diff := cmp.Diff([]string{"cat", "sh", "sh"}, names); diff != "" {
			return false, fmt.Errorf("processes inside (-want +got):\n%s", diff)
		}
		return true, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestContainer(t *testing.T) {
	node := NewT(t, "node")
	c, err := node.NewContainer(t.Context(), "pod")
	if err != nil {
		t.Fatal(err)
	}
	inside, err := node.Command(t.Context(), "readlink", c.NetNS()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var entered string
	if err := c.Do(func() error { entered = netnsOf("/proc/thread-self/ns/net"); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(inside)); got != entered || got == netnsOf(node.NetNS()) {
		t.Errorf("NetNS names %s, Do enters %s, the node is %s", got, entered, netnsOf(node.NetNS()))
	}
	// A node that ends takes its containers with it, whether or not they were closed.
	if err := node.Close(); err != nil {
		t.Error(err)
	}
	checkGone(t, []string{entered})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
