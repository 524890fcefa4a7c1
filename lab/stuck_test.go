// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping"
)

// refusedIPAM are configurations that IPAM plugins refuse, in ADD and in DEL.
var refusedIPAM = map[string]object{
	"gateway":          {"type": "host-local", "subnet": "10.20.0.0/24", "gateway": "gw"},
	"range start":      {"type": "host-local", "subnet": "10.20.0.0/24", "rangeStart": "10.99.0.1"},
	"subnet":           {"type": "host-local", "subnet": "10.20.0.0/33"},
	"no range":         {"type": "host-local"},
	"overlap":          {"type": "host-local", "ranges": [][]object{{{"subnet": "10.20.0.0/24"}}, {{"subnet": "10.20.0.0/25"}}}},
	"no directory":     {"type": "host-local", "subnet": "10.20.0.0/24", "dataDir": "/dev/null/x"},
	"route":            {"type": "host-local", "subnet": "10.20.0.0/24", "routes": []object{{"dst": "everywhere"}}},
	"static address":   {"type": "static", "addresses": []object{{"address": "10.20.0.1"}}},
	"static none":      {"type": "static"},
	"dhcp's daemon":    {"type": "dhcp", "daemonSocketPath": "/run/none.sock"},
	"no plugin":        {"type": "no-such-ipam"},
	"shape of a value": {"type": "host-local", "subnet": 7},
}

// TestRefusedADD has IPAM plugins refuse their configuration in every verb: what an ADD
// began before that is undone, DEL succeeds as often as it is called, with the namespace
// there and gone, and gc finds nothing.
func TestRefusedADD(t *testing.T) {
	cases := maps.Clone(delegates)
	cases["ipvlan"] = delegateCase{conf: object{"type": "ipvlan"}, needs: []*netnstest.Feature{netnstest.IPVLAN}, device: "eth1"}
	for name, d := range cases {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			for refused, ipam := range refusedIPAM {
				for _, gone := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, namespace gone %v", refused, gone), func(t *testing.T) {
						r := r.sub(t)
						r.ready()
						r.refuses(ipam, gone)
					})
				}
			}
		})
	}
}

func (r *pluginRig) refuses(ipam object, gone bool) {
	r.t.Helper()
	stdin := r.stdin(ipam)
	p := r.pod(stdin)
	if out, err := r.call(p, "ADD", stdin); err == nil {
		r.t.Fatalf("ADD succeeds: %s", out)
	}
	if !gone {
		r.empty(p)
	}
	if gone {
		r.ok(p.Close())
	}
	for range 2 {
		_, err := r.call(p, "DEL", stdin)
		r.ok(err)
	}
	if said, err := r.Colvin(r.t.Context(), "gc"); err != nil || !strings.Contains(said, "Nothing is left over") {
		r.t.Errorf("gc says %q, %v", said, err)
	}
	r.clean()
	r.leads(r.device) // and the device is as it was
}

// forgetful is an IPAM plugin that does not know any more what it gave away.
const forgetful = `#!/bin/sh
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"1.0.0","ips":[{"address":"10.10.0.66/24"}]}' ;;
DEL) echo '{"cniVersion":"1.0.0","code":999,"msg":"no reservation for this container"}'; exit 1 ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","1.0.0"]}' ;;
esac
`

// TestIPAMThatForgot cannot be detached by the runtime; gc ends it, whether the namespace is
// there or not, and names the address. The interface goes with the first DEL.
func TestIPAMThatForgot(t *testing.T) {
	for name, d := range delegates {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			r.ok(errors.Join(os.Mkdir(r.Path(slowDir), 0o755), os.WriteFile(r.Path(slowDir+"/forgetful"), []byte(forgetful), 0o755)))
			path := "CNI_PATH=" + slowDir + ":" + binaries.CNI
			stdin := r.stdin(object{"type": "forgetful"})
			for _, gone := range []bool{false, true} {
				r.ready()
				p := r.pod(stdin)
				out, err := r.call(p, "ADD", stdin, path)
				r.ok(err)
				del := stdin.with("prevResult", json.RawMessage(out))
				const why = "forgetful DEL: no reservation for this container"
				if _, err := r.call(p, "DEL", del, path); err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("DEL: %v, want %q", err, why)
				}
				r.empty(p)
				r.leads(r.device)
				if gone {
					r.ok(p.Close())
				}
				said, err := r.Colvin(t.Context(), "gc")
				const want = "10.10.0.66/24 of the IPAM plugin forgetful may still be reserved for container "
				if r.ok(err); !strings.Contains(said, want) || !strings.Contains(said, why) {
					t.Errorf("gc says %q, want %q and %q", said, want, why)
				}
				_, err = r.call(p, "DEL", del, path)
				r.ok(err)
				r.clean()
			}
		})
	}
}

// TestHostDeviceComesBackAlone does what the kernel does with hardware when a namespace ends
// without DEL: it is down, under the name it had inside. The agent says which it is, and DEL
// or gc give it back its name.
func TestHostDeviceComesBackAlone(t *testing.T) {
	for _, by := range []string{"DEL", "gc", "another's ADD"} {
		t.Run(by, func(t *testing.T) {
			r := newPluginRig(t, delegates["host-device"])
			stdin := r.stdin(hostLocal)
			p := r.pod(stdin)
			unpin := pin(t, r.Node, p)
			_, err := r.call(p, "ADD", stdin, "CNI_NETNS="+pinned)
			r.ok(err)
			inside, err := p.Netlink().LinkByName(lab.PodInterface)
			r.ok(err)
			node, err := os.Open(r.NetNS())
			r.ok(err)
			r.ok(errors.Join(p.Netlink().LinkSetDown(inside), p.Netlink().LinkSetNsFd(inside, int(node.Fd())), node.Close()))
			unpin()
			r.ok(p.Close())
			switch by {
			case "DEL":
				_, err = r.call(p, "DEL", stdin, "CNI_NETNS="+pinned)
			case "gc":
				_, err = r.Colvin(t.Context(), "gc")
			default: // it fails, since the network is not there yet; a DEL of another does it
				other := r.pod(stdin)
				_, err = r.call(other, "DEL", stdin)
			}
			r.ok(err)
			back, err := r.Netlink().LinkByName("eth1")
			r.ok(err)
			if back.Attrs().Alias != "" || back.Attrs().Flags&1 == 0 {
				t.Errorf("eth1 has alias %q and flags %v", back.Attrs().Alias, back.Attrs().Flags)
			}
			r.leads("eth1")
			r.clean()
		})
	}
}

// TestCheckRenamed renames the device under a running container: CHECK goes by ifindex, and
// so does DEL.
func TestCheckRenamed(t *testing.T) {
	for _, name := range []string{"macvlan", "bridge"} {
		for _, ipam := range []object{hostLocal, nil} {
			t.Run(fmt.Sprint(name, ipam["type"]), func(t *testing.T) {
				r := newPluginRig(t, delegates[name])
				stdin := r.stdin(ipam)
				if ipam == nil {
					delete(stdin, "ipam")
				}
				p := r.pod(stdin)
				out, err := r.call(p, "ADD", stdin)
				r.ok(err)
				stdin = stdin.with("prevResult", json.RawMessage(out))
				_, err = r.call(p, "CHECK", stdin)
				r.ok(err)
				r.ok(r.Rename(r.device, "lan0"))
				_, err = r.call(p, "CHECK", stdin)
				r.ok(err)
				link, err := p.Netlink().LinkByName(lab.PodInterface)
				r.ok(err)
				r.ok(p.Netlink().LinkDel(link))
				if out, err := r.call(p, "CHECK", stdin); err == nil {
					t.Errorf("CHECK of an interface that is gone succeeds: %s", out)
				}
				_, err = r.call(p, "DEL", stdin)
				r.ok(err)
				r.ok(r.Rename("lan0", r.device))
				r.clean()
			})
		}
	}
}

// TestCollectedByOthers has an agent that sees neither the node's processes nor its mounts,
// as one in a pod: it says nothing of what is gone, and the next ADD and DEL collect it.
func TestCollectedByOthers(t *testing.T) {
	d := delegates["macvlan"]
	r := &pluginRig{deviceRig: newDeviceRig(t, d.needs...), delegateCase: d, counts: &counts{}}
	r.AgentWrapper = []string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"}
	r.begin()
	stdin := r.stdin(hostLocal)
	for i := range 3 {
		p := r.pod(stdin)
		unpin := pin(t, r.Node, p)
		_, err := r.call(p, "ADD", stdin, "CNI_NETNS="+pinned)
		r.ok(err)
		unpin()
		r.ok(p.Close())
		if n := len(r.files(recordDir)); n != 1 {
			t.Errorf("%d records after %d ADDs without DEL, want that of the last", n, i+1)
		}
	}
	ctx := t.Context()
	s, err := r.State(ctx)
	r.ok(err)
	if slices.ContainsFunc(s.View.Conditions, func(c mapping.Condition) bool { return c.Type == mapping.OrphanedRecords }) {
		t.Errorf("the agent sees what is gone: %+v", s.View.Conditions)
	}
	other := r.pod(stdin)
	_, err = r.call(other, "DEL", stdin)
	r.ok(err)
	r.clean()
}
