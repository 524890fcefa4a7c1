// SPDX-License-Identifier: Apache-2.0

package link

import (
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

// TestAsides holds which changes may wait: those of devices of containers that were so, are
// so, and are no port.
func TestAsides(t *testing.T) {
	pod := discovery.Interface{Index: 7, Name: "veth1", Kind: discovery.KindVETH, Ethernet: true}
	with := func(change func(*discovery.Interface)) discovery.Interface {
		i := pod
		change(&i)
		return i
	}
	port, nic := with(func(i *discovery.Interface) { i.Name = "eth7" }), discovery.Interface{Index: 7, Name: "ens7", Ethernet: true, Bus: "pci"}
	inBridge, inBond := with(func(i *discovery.Interface) { i.Master = 3 }), with(func(i *discovery.Interface) { i.Master = 4 })
	masters := map[string]discovery.Kind{"bridge": discovery.KindBridge, "bond": discovery.KindBond}
	for name, tt := range map[string]struct {
		before []discovery.Interface // in the list; none: it is new
		now    discovery.Interface
		master string
		gone   bool
		want   bool
		known  bool // whether it is known to be of no account then
	}{
		"a pod comes":                  {nil, pod, "", false, true, true},
		"a pod's device changes":       {[]discovery.Interface{pod}, with(func(i *discovery.Interface) { i.Up = true }), "", false, true, true},
		"it goes":                      {[]discovery.Interface{pod}, pod, "", true, true, true},
		"it joins a bridge":            {[]discovery.Interface{pod}, inBridge, "bridge", false, true, true},
		"it joins a bond":              {[]discovery.Interface{pod}, inBond, "bond", false, false, false},
		"it joins who knows what":      {[]discovery.Interface{pod}, inBond, "", false, false, false},
		"it leaves a bond":             {[]discovery.Interface{inBond}, pod, "", false, false, false},
		"it becomes a port":            {[]discovery.Interface{pod}, port, "", false, false, false},
		"a port becomes that":          {[]discovery.Interface{port}, pod, "", false, false, false},
		"a port comes":                 {nil, port, "", false, false, false},
		"a port goes":                  {[]discovery.Interface{port}, port, "", true, false, false},
		"a NIC goes":                   {[]discovery.Interface{nic}, nic, "", true, false, false},
		"its ifindex was a NIC's":      {[]discovery.Interface{nic}, pod, "", false, false, false},
		"it has an alternative name":   {nil, with(func(i *discovery.Interface) { i.AltNames = []string{"green"} }), "", false, false, false},
		"it has an alias":              {nil, with(func(i *discovery.Interface) { i.Alias = "eth1" }), "", false, false, false},
		"a bridge changes":             {nil, discovery.Interface{Index: 7, Name: "br0", Kind: discovery.KindBridge, Ethernet: true}, "", false, false, false},
		"a VLAN device comes":          {nil, discovery.Interface{Index: 7, Name: "eth1.7", Kind: discovery.KindVLAN, Ethernet: true}, "", false, false, false},
		"a virtual machine's tap goes": {nil, discovery.Interface{Index: 7, Name: "vnet0", Kind: "tun", Ethernet: true}, "", true, true, true},
	} {
		a := &asides{}
		if a.changed(&tt.now, masters[tt.master], tt.gone) {
			t.Errorf("%s: something is set aside though nobody asked for it", name)
		}
		a.begin(func(i discovery.Interface) bool { return i.Name == "eth7" })
		a.listed(tt.before, map[int]discovery.Kind{})
		for range tt.before {
			if tt.before[0].Master == 4 {
				a.listed(tt.before, map[int]discovery.Kind{7: discovery.KindBond})
			}
		}
		if got := a.changed(&tt.now, masters[tt.master], tt.gone); got != tt.want {
			t.Errorf("%s: set aside: %t, want %t", name, got, tt.want)
		}
		if tt.gone {
			if a.knows(7) {
				t.Errorf("%s: it is known still", name)
			}
			continue
		}
		if got := a.knows(7); got != tt.known {
			t.Errorf("%s: known to be of no account: %t, want %t", name, got, tt.known)
		}
		a.listed([]discovery.Interface{tt.now}, map[int]discovery.Kind{7: masters[tt.master]})
		if got, want := a.knows(7), a.judge(&tt.now, masters[tt.master]); got != want {
			t.Errorf("%s: listed, it is of no account: %t, want %t", name, got, want)
		}
	}
}
