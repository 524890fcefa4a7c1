// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// A NIC that the kernel gave back when the container's namespace ended has its name and
// state again after DEL or gc; what somebody has made his own stays as it is.
func TestComesBackAlone(t *testing.T) {
	back := func(change func(*discovery.Interface)) []discovery.Interface {
		i := eth(4, "net1")
		i.Up, i.Alias = false, "eth1"
		if change != nil {
			change(&i)
		}
		return []discovery.Interface{i}
	}
	other := eth(9, "eth1")
	for name, tt := range map[string]struct {
		now  []discovery.Interface
		want string // name, alias and state of all
		said string
	}{
		"under the container's name": {back(nil), "eth1 up", ""},
		"under the kernel's name":    {back(func(i *discovery.Interface) { i.Name = "dev4" }), "eth1 up", ""},
		"with another MAC address":   {back(func(i *discovery.Interface) { i.MAC[5] = 77 }), "eth1 up", ""},
		"with another ifindex":       {back(func(i *discovery.Interface) { i.Index, i.Alias = 40, "" }), "eth1 up", ""},
		"with both others":           {back(func(i *discovery.Interface) { i.Index, i.MAC[5] = 40, 77 }), "net1 (eth1) down", ""},
		"its ifindex is another's":   {back(func(i *discovery.Interface) { i.MAC[5], i.Alias = 77, "" }), "net1 down", ""},
		"two have its MAC address": {
			append(back(func(i *discovery.Interface) { i.Index = 40 }), back(func(i *discovery.Interface) { i.Index, i.Name = 41, "dev41" })...),
			"net1 (eth1) down, dev41 (eth1) down", "",
		},
		"a VLAN device has its MAC address": {
			append(back(func(i *discovery.Interface) { i.Index = 40 }), discovery.Interface{Index: 41, Name: "x.5", MAC: eth(4, "").MAC, Kind: discovery.KindVLAN, Up: true}),
			"eth1 up, x.5 up", "",
		},
		"its name is in use": {
			append(back(nil), other), "net1 (eth1) up, eth1 up", "net1, which was eth1, has come back, and that name is another device's now: it stays net1",
		},
		"somebody renamed it":     {back(func(i *discovery.Interface) { i.Name = "lan0" }), "lan0 (eth1) down", ""},
		"somebody has set it up":  {back(func(i *discovery.Interface) { i.Up = true }), "net1 (eth1) up", ""},
		"named already, but down": {back(func(i *discovery.Interface) { i.Name = "eth1" }), "eth1 up", ""},
		"nowhere":                 {nil, "", ""},
	} {
		for _, by := range []string{"DEL", "gc"} {
			t.Run(name+" "+by, func(t *testing.T) {
				b := newBench(t)
				b.conf["delegate"] = map[string]any{"type": "host-device"}
				b.writeNode()
				b.kernel.later = b.kernel.Now[1:]
				b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
				b.must(b.do(b.plugin.Add))
				b.must(os.Remove(b.args.Netns))
				b.kernel.Now, b.kernel.later, b.kernel.Inside = slices.Clone(tt.now), nil, nil
				if by == "DEL" {
					b.must(b.do(b.plugin.Del))
				} else {
					b.wantCollected(1, "")
				}
				b.wantRecords(0)
				var got []string
				for _, i := range b.kernel.Now {
					s := i.Name
					if i.Alias != "" {
						s += " (" + i.Alias + ")"
					}
					got = append(got, s+map[bool]string{true: " up", false: " down"}[i.Up])
				}
				if got := strings.Join(got, ", "); got != tt.want {
					t.Errorf("there is %s, want %s", got, tt.want)
				}
				if said := b.stderr.String(); !strings.Contains(said, tt.said) {
					t.Errorf("said %q, want %q", said, tt.said)
				}
			})
		}
	}
}

// A boot names all devices anew: what has the ifindex of before is another.
func TestComesBackAfterReboot(t *testing.T) {
	b := newBench(t)
	b.conf["delegate"] = map[string]any{"type": "host-device"}
	b.writeNode()
	b.kernel.later = b.kernel.Now[1:]
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
	b.must(b.do(b.plugin.Add))
	i := eth(4, "net1")
	i.Up = false
	b.kernel.Boot, b.kernel.Now, b.kernel.later = "boot2", []discovery.Interface{i}, nil
	b.must(b.do(b.plugin.Del))
	if b.kernel.Now[0].Name != "net1" || b.kernel.Now[0].Up {
		t.Errorf("there is %+v", b.kernel.Now[0])
	}
}

// A function that a device plugin chose comes back by the name it had, too.
func TestFunctionComesBack(t *testing.T) {
	for _, delegate := range []string{"sriov", "host-device"} {
		t.Run(delegate, func(t *testing.T) {
			b := newSRIOVBench(t)
			at := slices.IndexFunc(b.kernel.Now, func(i discovery.Interface) bool { return i.Name == "eth1v0" })
			vf := b.kernel.Now[at]
			b.conf["delegate"] = map[string]any{"type": delegate}
			b.writeNode()
			b.kernel.Made = map[string]link.Origin{"net1": {Interface: vf}}
			b.must(b.do(b.plugin.Add))
			if got := b.theRecord().Chosen; got != linkOf(vf) {
				t.Fatalf("recorded %+v", got)
			}
			b.must(os.Remove(b.args.Netns))
			b.kernel.Now[at].Name, b.kernel.Now[at].Up = "net1", false
			b.must(b.do(b.plugin.Del))
			if got := b.kernel.Now[at]; got.Name != "eth1v0" || !got.Up {
				t.Errorf("there is %s, up %v", got.Name, got.Up)
			}
		})
	}
}

// CHECK goes by ifindex: the delegate is told the name that the device has now, and the
// result that it compares says that name, too.
func TestCheckRenamed(t *testing.T) {
	for _, delegate := range []string{"macvlan", "ipvlan", "bridge", "vlan", "own"} {
		t.Run(delegate, func(t *testing.T) {
			b := newUseBench(t, delegate)
			if delegate == "bridge" { // without, it is not asked
				b.conf["ipam"] = map[string]any{"type": ipamName}
			}
			b.must(b.do(b.plugin.Add))
			device := b.theRecord().Device
			for i := range b.kernel.Now {
				if b.kernel.Now[i].Index == device.Index {
					b.kernel.Now[i].Name = "lan0"
				}
			}
			if delegate == "bridge" {
				b.kernel.Made = map[string]link.Origin{"net1": madeOver(20, "veth")}
				b.kernel.Now = append(b.kernel.Now, discovery.Interface{Index: 20, Name: "veth0", Kind: "veth", Master: device.Index})
			} else {
				made := madeOver(device.Index, discovery.Kind(strings.Replace(delegate, "own", "macvlan", 1)))
				made.VLAN = b.theRecord().VID
				b.kernel.Made = map[string]link.Origin{"net1": made}
			}
			b.conf[prevResultKey] = map[string]any{"cniVersion": "1.1.0", "interfaces": []any{
				map[string]any{"name": device.Name, "mac": "x"}, map[string]any{"name": device.Name, "sandbox": "s"},
			}}
			b.must(b.do(b.plugin.Check))
			calls := b.calls()
			got := calls[len(calls)-1].Conf
			key := map[string]string{"bridge": "bridge"}[delegate]
			if key == "" {
				key = "master"
			}
			prev := map[string]any{"cniVersion": "1.1.0", "interfaces": []any{
				map[string]any{"name": "lan0", "mac": "x"}, map[string]any{"name": device.Name, "sandbox": "s"},
			}}
			if diff := cmp.Diff(prev, got[prevResultKey]); got[key] != "lan0" || diff != "" {
				t.Errorf("CHECK was told %v; previous result (-want +got):\n%s", got[key], diff)
			}
		})
	}
}

// An IPAM plugin without CHECK is no reason to call a container unwell; an IPAM plugin that
// has one, and complains, is.
func TestCheckWithoutIPAM(t *testing.T) {
	none := map[string]string{"CHECK": `{"code":999,"msg":"CNI CHECK method is not implemented"}`}
	for name, tt := range map[string]struct {
		delegate       string
		delegateFails  map[string]string
		ipam           map[string]string
		stripped       bool // the delegate is asked once more, without its IPAM plugin
		code           uint
		alone          bool // there is no IPAM plugin
		saysNoReserved bool
	}{
		"IPAM has none":                     {"macvlan", none, none, true, 999, false, true}, // the fake delegate goes on to fail
		"IPAM complains":                    {"macvlan", none, map[string]string{"CHECK": `{"code":3,"msg":"no such reservation"}`}, false, 999, false, false},
		"IPAM is content":                   {"macvlan", none, map[string]string{}, false, 999, false, false},
		"bridge, and IPAM has none":         {"bridge", none, none, false, 0, false, true},
		"bridge, which wants one, has none": {"bridge", none, none, false, 0, true, false},
		"macvlan without IPAM":              {"macvlan", none, none, false, 999, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newUseBench(t, tt.delegate)
			if tt.alone {
				delete(b.conf, "ipam")
			}
			b.must(b.do(b.plugin.Add))
			b.stderr.Reset()
			b.failNow(tt.delegateFails, tt.ipam)
			if tt.delegate == "bridge" {
				b.kernel.Made = map[string]link.Origin{"net1": madeOver(20, "veth")}
				b.kernel.Now = append(b.kernel.Now, discovery.Interface{Index: 20, Name: "veth0", Kind: "veth", Master: 7})
			}
			err := b.do(b.plugin.Check)
			if tt.code != 0 {
				b.wantCode(err, tt.code)
			} else {
				b.must(err)
			}
			calls := b.calls()
			_, hasIPAM := calls[len(calls)-1].Conf["ipam"]
			if stripped := !hasIPAM && !tt.alone; stripped != tt.stripped {
				t.Errorf("asked without IPAM: %v, want %v", stripped, tt.stripped)
			}
			if said := strings.Contains(b.stderr.String(), "has no CHECK"); said != tt.saysNoReserved {
				t.Errorf("said %q", &b.stderr)
			}
		})
	}
}

// An interface that is gone is told where no delegate is asked.
func TestCheckGone(t *testing.T) {
	b := newUseBench(t, "bridge")
	delete(b.conf, "ipam")
	b.kernel.Made = map[string]link.Origin{"net1": madeOver(20, "veth")}
	b.kernel.Now = append(b.kernel.Now, discovery.Interface{Index: 20, Name: "veth0", Kind: "veth", Master: 7})
	b.must(b.do(b.plugin.Add))
	b.kernel.Made = nil
	b.must(os.Remove(b.script.Log))
	b.wantError(b.do(b.plugin.Check), 102, `node1: network "green": container c1 has no interface net1 any more: no such network device; restart the container`)
}
