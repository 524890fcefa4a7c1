// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// wrapDir is where these tests have delegates that ask before they begin and end.
const wrapDir = "/run/wrapped"

// blueVLAN is the VLAN of the NIC that a pod must not get to.
const blueVLAN = 200

// newExchangeRig has a second NIC, eth2, on a switch of another network.
func newExchangeRig(t *testing.T, delegate object, needs ...*netnstest.Feature) *pluginRig {
	t.Helper()
	r := newPluginRig(t, delegateCase{conf: delegate, needs: needs, device: "eth1"})
	spine := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "spine", Speaker: netnstest.Builtin, Interval: 100 * time.Millisecond, Hold: 1000})
	r.ok(r.Cable(t.Context(), "eth2", spine, "p1", blueVLAN))
	r.hears("eth1: leaf p1", "eth2: spine p1")
	r.links = r.linkNames()
	return r
}

// exchange has the NICs exchange their names.
func (r *pluginRig) exchange() error {
	return errors.Join(r.Rename("eth1", "other"), r.Rename("eth2", "eth1"), r.Rename("other", "eth2"))
}

// usable waits until the agent has heard again what leads to a network.
func (r *pluginRig) usable(network string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), devicePatience)
	defer cancel()
	r.ok(r.Await(ctx, network+" is usable", func(f *nodefile.File) bool {
		return slices.ContainsFunc(f.Lookup(network), func(a nodefile.Uplink) bool {
			return a.Certainty == nodefile.Fresh && r.present(a.Ports[0].Link)
		})
	}))
}

// wrap makes a delegate that waits for the test before it does its work in ADD, and after.
func (r *pluginRig) wrap(kind string) {
	r.t.Helper()
	dir := r.Path(wrapDir)
	script := fmt.Sprintf("#!/bin/sh\nreal=%s/%s\nask() { echo asks >%[3]s/called; read -r _ <%[3]s/go; }\n"+
		"[ \"$CNI_COMMAND\" = ADD ] || exec \"$real\"\nask\n\"$real\"; code=$?\nask\nexit $code\n", binaries.CNI, kind, wrapDir)
	r.ok(errors.Join(
		os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, kind), []byte(script), 0o755),
		unix.Mkfifo(filepath.Join(dir, "called"), 0o600), unix.Mkfifo(filepath.Join(dir, "go"), 0o600),
	))
}

// errUnasked is of an ADD that ended before the delegate was asked.
var errUnasked = errors.New("the delegate was not asked")

// addWrapped attaches a pod; before and after are done around what the delegate does.
func (r *pluginRig) addWrapped(p *lab.Pod, stdin object, before, after func() error) error {
	r.t.Helper()
	called, err := os.OpenFile(filepath.Join(r.Path(wrapDir), "called"), os.O_RDWR, 0)
	r.ok(err)
	defer called.Close()
	proceed, err := os.OpenFile(filepath.Join(r.Path(wrapDir), "go"), os.O_RDWR, 0)
	r.ok(err)
	defer proceed.Close()
	r.ok(called.SetReadDeadline(time.Now().Add(devicePatience)))
	asks := make(chan error, 2) // once before and once after
	go func() {
		for range cap(asks) {
			_, err := called.Read(make([]byte, len("asks\n")))
			asks <- err
		}
	}()
	done := make(chan error, 1)
	go func() {
		_, err := r.call(p, "ADD", stdin, "CNI_PATH="+wrapDir+":"+binaries.CNI)
		done <- err
	}()
	for i, do := range []func() error{before, after} {
		select {
		case err := <-asks:
			r.ok(errors.Join(err, do()))
			_, err = proceed.WriteString("go\n")
			r.ok(err)
		case err := <-done:
			if i == 0 {
				return errors.Join(errUnasked, err)
			}
			return err
		}
	}
	return <-done
}

// addUsable attaches a pod through what the agent says is usable. Names that were
// exchanged and back just before leave the file as it was until the agent sees them gone,
// so an ADD that found the network gone is tried again.
func (r *pluginRig) addUsable(network string, stdin object, before, after func() error) (*lab.Pod, error) {
	r.t.Helper()
	for deadline := time.Now().Add(devicePatience); ; {
		r.usable(network)
		p := r.pod(stdin)
		err := r.addWrapped(p, stdin, before, after)
		if !errors.Is(err, errUnasked) || time.Now().After(deadline) {
			return p, err
		}
		r.empty(p)
	}
}

// TestDevicesExchangeNames has NICs exchange their names between the plugin's check and
// the delegate's look-up: nobody is attached through the other NIC.
func TestDevicesExchangeNames(t *testing.T) {
	for name, tt := range map[string]struct {
		delegate object
		network  string
		needs    []*netnstest.Feature
	}{
		"macvlan": {object{"type": "macvlan", "mode": "bridge", "exec": true}, "green", []*netnstest.Feature{netnstest.MACVLAN}},
		"ipvlan":  {object{"type": "ipvlan", "exec": true}, "green", []*netnstest.Feature{netnstest.IPVLAN}},
		"vlan":    {object{"type": "vlan"}, "storage", []*netnstest.Feature{netnstest.VLAN}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newExchangeRig(t, tt.delegate, tt.needs...)
			r.wrap(name)
			stdin := r.stdin(hostLocal).with("network", tt.network)
			stay := func() error { return nil }
			for _, order := range []struct {
				name  string
				after func() error
			}{
				{"and back", r.exchange},
				{"for good", stay},
				{"once more and back", r.exchange}, // eth1 is called eth2 now
			} {
				t.Run(order.name, func(t *testing.T) {
					r := r.sub(t)
					p, err := r.addUsable(tt.network, stdin, r.exchange, order.after)
					if err == nil || !strings.Contains(err.Error(), `"code": 11`) || !strings.Contains(err.Error(), "in the container is over eth") {
						t.Errorf("got %v, want error 11 that names both devices", err)
					}
					r.empty(p)
					r.clean()
				})
			}
		})
	}
}

// TestExchangedForNothing has NICs exchange their names all the time, and while an
// address is reserved: who is attached by ifindex does not notice, and nobody is refused.
func TestExchangedForNothing(t *testing.T) {
	r := newExchangeRig(t, object{"type": "macvlan", "mode": "bridge"}, netnstest.MACVLAN)
	r.wrap("host-local")
	green, err := r.Netlink().LinkByName("eth1")
	r.ok(err)
	r.ok(r.StopAgent()) // it would hear anew, which takes a moment each time
	over := func(p *lab.Pod) {
		t.Helper()
		l, err := p.Netlink().LinkByName(lab.PodInterface)
		r.ok(err)
		if got := l.Attrs().ParentIndex; got != green.Attrs().Index {
			t.Fatalf("the container is over device %d, want %d", got, green.Attrs().Index)
		}
	}
	stdin := r.stdin(hostLocal)
	p := r.pod(stdin)
	r.ok(r.addWrapped(p, stdin, r.exchange, r.exchange))
	over(p)
	r.ok(p.Del(t.Context()))

	delete(stdin, "ipam")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if err := r.exchange(); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	for range 20 {
		p := r.pod(stdin)
		_, err := p.Add(t.Context())
		r.ok(err)
		over(p)
		r.ok(p.Del(t.Context()))
		r.empty(p)
	}
	close(stop)
	r.ok(<-stopped)
	r.ok(os.RemoveAll(r.Path(addressDir)))
	if left := r.files(recordDir); len(left) > 0 {
		t.Errorf("left over: %s", left)
	}
}

// TestDevicesExchangedBehind has a container on another NIC than its record says: CHECK
// tells, and DEL removes it.
func TestDevicesExchangedBehind(t *testing.T) {
	r := newExchangeRig(t, object{"type": "macvlan", "mode": "bridge"}, netnstest.MACVLAN)
	r.configure("1.1.0", r.plugin(hostLocal))
	p := r.pod(nil)
	r.mustTool("add", p)
	r.mustTool("check", p)
	old, err := p.Netlink().LinkByName(lab.PodInterface)
	r.ok(err)
	r.ok(errors.Join(p.Netlink().LinkDel(old), r.AddUpper("macvlan", "moved", "eth2")))
	moved, err := r.Netlink().LinkByName("moved")
	r.ok(err)
	ns, err := os.Open(r.Path(p.NetNS()))
	r.ok(err)
	defer ns.Close()
	r.ok(r.Netlink().LinkSetNsFd(moved, int(ns.Fd())))
	inside, err := p.Netlink().LinkByName("moved")
	r.ok(err)
	r.ok(errors.Join(p.Netlink().LinkSetDown(inside), p.Netlink().LinkSetName(inside, lab.PodInterface), p.Netlink().LinkSetUp(inside)))
	for range 2 { // under whatever names
		out, err := r.tool("check", p)
		if err == nil || !strings.Contains(fmt.Sprint(out, err), "net1 in the container is over eth") {
			t.Errorf("CHECK: %q, %v; want what the interface is over", out, err)
		}
		r.ok(r.exchange())
	}
	r.mustTool("del", p)
	r.empty(p)
	r.clean()
}
