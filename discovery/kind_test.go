// SPDX-License-Identifier: Apache-2.0

package discovery

import "testing"

func TestKind(t *testing.T) {
	for kind, want := range map[Kind]struct{ aggregates, joins bool }{
		"":              {},
		KindBond:        {true, true},
		KindTeam:        {true, true},
		KindBridge:      {false, true},
		KindOpenVSwitch: {},
		KindVETH:        {},
		KindVLAN:        {},
		KindVRF:         {},
		"dummy":         {},
	} {
		if got := kind.Aggregates(); got != want.aggregates {
			t.Errorf("%q aggregates: %v", kind, got)
		}
		if got := kind.JoinsPorts(); got != want.joins {
			t.Errorf("%q joins ports: %v", kind, got)
		}
	}
}

func TestHardware(t *testing.T) {
	nic := Interface{Bus: "pci", Ethernet: true}
	if !nic.Hardware() {
		t.Error("a NIC is none")
	}
	for name, change := range map[string]func(*Interface){
		"software device":  func(i *Interface) { i.Kind = KindVETH },
		"no bus":           func(i *Interface) { i.Bus = "" },
		"InfiniBand":       func(i *Interface) { i.Ethernet = false },
		"virtual function": func(i *Interface) { i.VF = true },
	} {
		i := nic
		change(&i)
		if i.Hardware() {
			t.Errorf("%s is hardware", name)
		}
	}
}
