// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// leaf1 is a switch port that tells everything.
func leaf1() *discovery.Neighbor {
	return &discovery.Neighbor{
		MSAP:                discovery.MSAP{Chassis: "mac:00:1b:21:aa:bb:cc", Port: "ifname:Ethernet1/12"},
		SystemName:          "leaf-1",
		PortDescription:     "uplink to rack 7",
		ManagementAddresses: []string{"mac:00:1b:21:aa:bb:00", "192.0.2.7", "2001:db8::7"},
		PVID:                100,
		VLANs:               []discovery.VLANName{{ID: 100, Name: "Green"}, {ID: 200, Name: "Blue Net"}},
	}
}

func subject(n *discovery.Neighbor) Subject {
	return Subject{Node: "node-3", Interface: "ens4", MAC: "02:00:5e:00:53:01", PCI: "0000:3b:00.1", Driver: "mlx5_core", Neighbor: n}
}

func parse(t *testing.T, file string) *Set {
	t.Helper()
	set, _, err := Parse("r.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var (
	untagged     = Occurrence{VID: 100, VLANName: "Green"}
	tagged       = Occurrence{VID: 200, VLANName: "Blue Net", Tagged: true}
	unadvertised = Occurrence{}
)

// Every match key, against the untagged VLAN 100 and the tagged VLAN 200 of leaf-1.
func TestMatchKeys(t *testing.T) {
	for match, want := range map[string]struct{ untagged, tagged bool }{
		`chassis: "mac:00:1b:21:aa:bb:cc"`:         {true, false},
		`chassis: "mac:00:1B:21:AA:BB:CC"`:         {true, false},
		`chassis: "mac:00-1B-21-aa-bb-cc"`:         {true, false},
		`chassis: "mac:001b.21aa.bbcc"`:            {true, false},
		`chassis: "mac:00:1B:21:*"`:                {true, false},
		`chassis: "mac:00:1b:22:*"`:                {},
		`chassis: "local:00:1b:21:aa:bb:cc"`:       {},
		`chassis: "subtype9:*"`:                    {},
		`system: leaf-1`:                           {true, false},
		`system: "leaf-?"`:                         {true, false},
		`system: "Leaf-*"`:                         {},
		`system: leaf`:                             {},
		`port: "ifname:Ethernet1/*"`:               {true, false},
		`port: "Ethernet1/12"`:                     {true, false},
		`port: "ifalias:Ethernet1/12"`:             {},
		`port: "mac:*"`:                            {},
		`port: "ifname:*"`:                         {true, false},
		`portDescription: "*rack 7"`:               {true, false},
		`managementAddress: 192.0.2.7`:             {true, false},
		`managementAddress: 192.0.2.0/24`:          {true, false},
		`managementAddress: "2001:db8::/32"`:       {true, false},
		`managementAddress: "::ffff:192.0.2.7"`:    {true, false},
		`managementAddress: 192.0.3.0/24`:          {},
		`node: "node-*"`:                           {true, false},
		`node: node-1`:                             {},
		`interface: ens4`:                          {true, false},
		`interface: "eth*"`:                        {},
		`mac: "02:00:5E:00:53:01"`:                 {true, false},
		`mac: "02-00-5e-*"`:                        {true, false},
		`mac: "0200.5e00.5301"`:                    {true, false},
		`mac: "02:00:5f:*"`:                        {},
		`pci: "0000:3B:00.1"`:                      {true, false},
		`pci: "3b:00.1"`:                           {true, false},
		`pci: "3b:00.*"`:                           {true, false},
		`pci: "3b:01.*"`:                           {},
		`driver: "mlx5*"`:                          {true, false},
		`driver: ice`:                              {},
		`silent: true, node: "*-3"`:                {}, // a switch speaks
		`group: dc1`:                               {true, false},
		`group: dc2`:                               {},
		`vlan: 100`:                                {true, false},
		`vlan: 200`:                                {false, true},
		`vlan: "1-99, 150-200"`:                    {false, true},
		`vlan: "100-200"`:                          {true, true},
		`vlan: untagged`:                           {true, false},
		`vlanName: "*e*"`:                          {true, true},
		`vlanName: "Blue *"`:                       {false, true},
		`vlanName: "Green", vlan: untagged`:        {true, false},
		`vlanName: "*e*", vlan: untagged`:          {true, false},
		`vlanName: "Green", vlan: 200`:             {},
		`system: "leaf-*", port: "Ethernet2/*"`:    {},
		`system: "leaf-*", node: "*", vlan: "100"`: {true, false},
	} {
		t.Run(match, func(t *testing.T) {
			set := parse(t, `
switchGroups:
  dc1: {match: [{system: "spine-*"}, {system: "leaf-*"}]}
  dc2: {match: [{chassis: "mac:*"}]}
networks: [{name: x, match: [{`+match+`}]}]`)
			for occ, want := range map[Occurrence]bool{untagged: want.untagged, tagged: want.tagged} {
				if _, got, _ := set.Read(subject(leaf1())).Name(occ); got != want {
					t.Errorf("%+v is named: %v, want %v", occ, got, want)
				}
			}
		})
	}
}

// What a neighbour does not tell matches no pattern, not even "*".
func TestNotToldMatchesNothing(t *testing.T) {
	for _, match := range []string{`chassis: "mac:*"`, `system: "*"`, `port: "*"`, `portDescription: "*"`, `managementAddress: "::/0"`, `node: "*"`, `interface: "*"`, `vlanName: "*"`, `mac: "*"`, `pci: "*"`, `driver: "*"`} {
		set := parse(t, `networks: [{name: x, unadvertised: switch, match: [{`+match+`}]}]`)
		n, ok, _ := set.Read(Subject{Neighbor: new(discovery.Neighbor)}).Name(Occurrence{VID: 5})
		if ok {
			t.Errorf("%s names a silent neighbour %q", match, n.Name)
		}
	}
}

func TestName(t *testing.T) {
	const rules = `
switchGroups:
  dc1:
    match: [{system: "(*)-1"}]
    vlans: {100: green, "190,200-299": "tenant-{vlan}-{system.1}"}
networks:
  - name: storage
    match: [{system: "old-*", vlan: 300}, {system: "leaf-*", vlan: 300}]
    aliases: [disks, "disks-{vlan}", storage-net]
    spans: true
    stale: keep
    unadvertised: switch
    cdp: true
    silence: keep
    goodbye: 1d12h
  - {name: trunked, tagged: "400,410-419", match: [{system: "leaf-*"}]}
  - {name: "{port.number}-{portDescription.2}-{portDescription.1}", wireNames: true, match: [{portDescription: "(*) to (rack ?)", vlan: 7}]}
  - {name: "bare-{port.1}-{interface.1}-{node.1}", match: [{port: "Ethernet(*)", interface: "e(??)4", node: "node-(*)", vlan: 8}]}
  - {name: "full-{chassis.1}-{port.1}", match: [{port: "(*):Ethernet*", chassis: "mac:(??):*", vlan: 9}]}
  - {name: "{vlanName}", wireNames: true, match: [{system: "leaf-*", vlan: 500}]}
  - {name: "{vlanName.1}-x", match: [{vlanName: "Blue(*)", vlan: 501}]}
  - {name: "name-{vlanName}-name-name-name-name-name-name-name-name-name-name", match: [{vlan: 502}]}
  - {name: lost, match: [{vlan: "502-503"}]}
  - {name: some, aliases: ["{vlanName}", more], wireNames: true, match: [{vlan: 504}]}
`
	for name, tt := range map[string]struct {
		occ   Occurrence
		want  Naming
		notes []string
	}{
		"group, untagged":   {untagged, Naming{Name: "green", Ref: Ref{File: "r.yaml", Line: 5}}, nil},
		"group, tagged":     {tagged, Naming{Name: "tenant-200-leaf", Ref: Ref{File: "r.yaml", Line: 5}}, nil},
		"group, other VLAN": {Occurrence{VID: 199}, Naming{}, nil},
		"everything": {Occurrence{VID: 300}, Naming{
			Name: "storage", Aliases: []string{"disks", "disks-300", "storage-net"}, Ref: Ref{File: "r.yaml", Line: 8}, StaleKeep: true, Spans: true, UnadvertisedSwitch: true,
			CDP: true, Silence: SilenceKeep, Goodbye: Silence(36 * time.Hour),
		}, nil},
		"tagged":             {Occurrence{VID: 412, Tagged: true}, Naming{Name: "trunked", Ref: Ref{File: "r.yaml", Line: 16}}, nil},
		"tagged, other VLAN": {Occurrence{VID: 409, Tagged: true}, Naming{}, nil},
		"tagged is untagged": {Occurrence{VID: 412}, Naming{}, nil},
		"description":        {Occurrence{VID: 7}, Naming{Name: "12-rack-7-uplink", Ref: Ref{File: "r.yaml", Line: 17}}, nil},
		"bare port":          {Occurrence{VID: 8}, Naming{Name: "bare-1-12-ns-3", Ref: Ref{File: "r.yaml", Line: 18}}, nil},
		"no such port":       {Occurrence{VID: 9}, Naming{}, nil}, // a pattern without a known kind is for the bare ID
		"VLAN name":          {Occurrence{VID: 500, VLANName: "_Blue  Net_"}, Naming{Name: "blue-net", Ref: Ref{File: "r.yaml", Line: 20}}, nil},
		"no VLAN name": {Occurrence{VID: 500}, Naming{}, []string{
			"r.yaml:20 applies, but gives no name: the switch does not advertise the VLAN name that {vlanName} asks for",
		}},
		"nothing left": {Occurrence{VID: 501, VLANName: "Blue \u20ac"}, Naming{}, []string{
			`r.yaml:21 applies, but gives no name: {vlanName.1} is " €" here, in which there is no letter or digit`,
		}},
		"too long": {Occurrence{VID: 502, VLANName: "storage-net"}, Naming{}, []string{
			`r.yaml:22 applies, but gives no name: "name-storage-net-name-name-name-name-name-name-name-name-nam…" has 66 characters, a name has at most 63`,
		}},
		"no VLAN name for an alias": {Occurrence{VID: 504}, Naming{Name: "some", Aliases: []string{"more"}, Ref: Ref{File: "r.yaml", Line: 24}}, []string{
			"r.yaml:24 gives no alias: the switch does not advertise the VLAN name that {vlanName} asks for",
		}},
		"PVID is untagged only": {Occurrence{VID: 100, Tagged: true}, Naming{}, nil},
		"tagged without a VID":  {Occurrence{Tagged: true}, Naming{}, nil},
		"no VLAN":               {Occurrence{VID: 4095}, Naming{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok, notes := parse(t, rules).Read(subject(leaf1())).Name(tt.occ)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want.Name != "") {
				t.Errorf("naming, %v (-want +got):\n%s", ok, diff)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestImpossible has occurrences that no port can have, and a rule for all.
func TestImpossible(t *testing.T) {
	set := parse(t, `networks: [{name: x, match: [{vlanName: "*"}]}]`)
	for _, tt := range []struct {
		occ  Occurrence
		want bool
	}{
		{Occurrence{VID: 4094, VLANName: "a", Tagged: true}, true},
		{Occurrence{VID: 4095, VLANName: "a", Tagged: true}, false},
		{Occurrence{VID: 4095, VLANName: "a"}, false},
		{Occurrence{VLANName: "a", Tagged: true}, false},
		{Occurrence{VID: 100, VLANName: "a", Tagged: true}, false}, // the PVID
		{Occurrence{VID: 100, VLANName: "a"}, true},
	} {
		if _, ok, _ := set.Read(subject(leaf1())).Name(tt.occ); ok != tt.want {
			t.Errorf("%+v is named: %v, want %v", tt.occ, ok, tt.want)
		}
	}
}

// TestChassisAsHeard holds that the ID by which a switch is known counts only where the
// one that was heard does not match.
func TestChassisAsHeard(t *testing.T) {
	sub := subject(leaf1())
	sub.Switch = "mac:00:1b:21:aa:bb:01"
	for pattern, want := range map[string]string{
		"mac:00:1b:21:aa:bb:(*)":  "x-cc",
		"mac:00:1b:21:aa:bb:(c*)": "x-cc",
		"mac:00:1b:21:aa:bb:(0*)": "x-01",
		"mac:00:1b:21:aa:bb:(d*)": "",
	} {
		set := parse(t, `networks: [{name: "x-{chassis.1}", match: [{chassis: "`+pattern+`"}]}]`)
		if got, _, _ := set.Read(sub).Name(untagged); got.Name != want {
			t.Errorf("%s: %q, want %q", pattern, got.Name, want)
		}
	}
}

// TestPortByMAC holds that a port that is named by a MAC address is written as people
// write those.
func TestPortByMAC(t *testing.T) {
	n := leaf1()
	n.Port = "mac:00:1b:21:aa:bb:01"
	for pattern, want := range map[string]bool{
		"mac:00:1b:21:aa:bb:01": true, "00:1B:21:AA:BB:01": true, "001b.21aa.bb01": true, "00:1b:21:aa:bb:*": true, "00:1b:21:aa:bb:02": false, "ifname:*": false,
	} {
		set := parse(t, `networks: [{name: x, match: [{port: "`+pattern+`"}]}]`)
		if _, got, _ := set.Read(subject(n)).Name(untagged); got != want {
			t.Errorf("%s: named %t, want %t", pattern, got, want)
		}
	}
}

// TestWordNotAdvertised has a rule for VLANs that are advertised apply to one that is
// not, since its switch is in a group of flat ones.
func TestWordNotAdvertised(t *testing.T) {
	set := parse(t, `
switchGroups: {flat: {match: [{system: "leaf-*"}], unadvertised: switch}}
networks: [{name: "x-{vlan}", match: [{system: "leaf-*"}]}]
`)
	got, ok, notes := set.Read(subject(leaf1())).Name(unadvertised)
	want := []string{"r.yaml:3 applies, but gives no name: the switch does not advertise the VLAN that {vlan} asks for"}
	if diff := cmp.Diff(want, notes); ok || diff != "" {
		t.Errorf("named %q, notes (-want +got):\n%s", got.Name, diff)
	}
}

// A VLAN that nobody advertises is named only where the rule says which port it
// means, or that the switch is flat; else the rule is a near miss.
func TestUnadvertised(t *testing.T) {
	const pin = "r.yaml:2 would name it x, but the switch does not advertise the VLAN of this port: name the port in the rule (port, portDescription or interface) or set unadvertised: switch"
	const vid = "r.yaml:2 would name it x, but the switch does not advertise the VLAN of this port: write vlan: untagged and name the port in the rule"
	for name, tt := range map[string]struct {
		rule string
		ok   bool
		note string
	}{
		"switch":                {`{name: x, match: [{system: "leaf-*"}]}`, false, pin},
		"switch, untagged":      {`{name: x, match: [{system: "leaf-*", vlan: untagged}]}`, false, pin},
		"node":                  {`{name: x, match: [{node: node-3}]}`, false, pin},
		"any port":              {`{name: x, match: [{port: "*"}]}`, false, pin},
		"any port of a kind":    {`{name: x, match: [{port: "ifname:(*)"}]}`, false, pin},
		"any interface":         {`{name: x, match: [{interface: "?*"}]}`, false, pin},
		"port":                  {`{name: x, match: [{port: "Ethernet1/12"}]}`, true, ""},
		"port, untagged":        {`{name: x, match: [{port: "ifname:Ethernet1/12", vlan: untagged}]}`, true, ""},
		"description":           {`{name: x, match: [{portDescription: "uplink*"}]}`, true, ""},
		"interface":             {`{name: x, match: [{interface: ens4}]}`, true, ""},
		"flat":                  {`{name: x, match: [{system: "leaf-*"}], unadvertised: switch}`, true, ""},
		"group":                 {`{name: x, match: [{group: some}]}`, false, pin},
		"other port":            {`{name: x, match: [{port: "Ethernet1/13"}]}`, false, ""},
		"VLAN":                  {`{name: x, match: [{port: "Ethernet1/12", vlan: 100}]}`, false, vid},
		"VLAN, flat":            {`{name: x, match: [{system: leaf-1, vlan: 100}], unadvertised: switch}`, false, vid},
		"VLAN name":             {`{name: x, match: [{port: "Ethernet1/12", vlanName: "*"}]}`, false, vid},
		"tagged":                {`{name: x, match: [{port: "Ethernet1/12"}], tagged: "100"}`, false, ""},
		"near miss, then named": {`{name: x, match: [{system: leaf-1}, {interface: ens4}]}`, true, pin},
	} {
		t.Run(name, func(t *testing.T) {
			set := parse(t, "networks:\n  - "+tt.rule+"\nswitchGroups: {some: {match: [{system: \"leaf-*\"}]}}")
			n := leaf1()
			n.PVID = 0
			naming, ok, notes := set.Read(subject(n)).Name(Occurrence{})
			if ok != tt.ok || ok != (naming.Name == "x") {
				t.Errorf("named %q, %v; want %v", naming.Name, ok, tt.ok)
			}
			if diff := cmp.Diff(tt.note, strings.Join(notes, "\n")); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUntold holds that the key's former name is refused with its new one.
func TestUntold(t *testing.T) {
	_, _, err := Parse("r.yaml", []byte(`
switchGroups: {flat: {match: [{system: x}], untold: switch}}
networks: [{name: x, match: [{system: x, port: p1}], untold: switch}]
`))
	mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
	var got []string
	for _, m := range mistakes {
		got = append(got, m.String())
	}
	want := []string{
		"r.yaml:2:53: switchGroups.flat.untold: untold is called unadvertised now; write unadvertised: switch",
		"r.yaml:3:62: networks[0].untold: untold is called unadvertised now; write unadvertised: switch",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestUnadvertisedOfFlatGroup(t *testing.T) {
	set := parse(t, `
switchGroups:
  flat:
    match: [{system: "leaf-*"}]
    unadvertised: switch
    vlans: {100: green}
networks:
  - {name: office, match: [{system: leaf-1}]}
`)
	n := leaf1()
	got, _, notes := set.Read(subject(n)).Name(unadvertised)
	if diff := cmp.Diff(Naming{Name: "office", Ref: Ref{File: "r.yaml", Line: 8}}, got); diff != "" || notes != nil {
		t.Errorf("naming, notes %v (-want +got):\n%s", notes, diff)
	}
	group, _ := set.Read(subject(n)).Group()
	if diff := cmp.Diff(Group{Name: "flat", Ref: Ref{File: "r.yaml", Line: 3}, UnadvertisedSwitch: true}, group); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}

	n.SystemName = "leaf-2"
	_, ok, notes := set.Read(subject(n)).Name(unadvertised)
	want := []string{"r.yaml:3 names the VLANs of group flat, but the switch does not advertise the VLAN of this port: add a network rule that names the port"}
	if diff := cmp.Diff(want, notes); ok || diff != "" {
		t.Errorf("named %v, notes (-want +got):\n%s", ok, diff)
	}
}

func TestNotesAreBounded(t *testing.T) {
	file := "networks:\n" + strings.Repeat("  - {name: x, match: [{system: \"leaf-*\", vlan: 5}]}\n", 50)
	_, _, notes := parse(t, file).Read(subject(leaf1())).Name(unadvertised)
	if len(notes) != maxNotes {
		t.Errorf("%d notes, want %d", len(notes), maxNotes)
	}
}

func TestDeclared(t *testing.T) {
	const rules = `
switchGroups:
  dc1:
    match: [{system: "leaf-*"}]
    vlans:
      "99-101": "v-{vlan}"
      300: storage
networks:
  - {name: a, tagged: "300,305", match: [{system: "old-*"}, {portDescription: "uplink*"}]}
  - {name: b, tagged: 305, match: [{system: "leaf-*"}]}
  - {name: c, tagged: "100", match: [{group: dc1}]}
  - {name: d, tagged: 900, match: [{system: "old-*"}]}
`
	trunked := []uint16{99, 101, 300, 305}
	unadvertisedPVID := []uint16{99, 100, 101, 300, 305}
	access := []uint16{300, 305}
	for name, tt := range map[string]struct {
		change func(*discovery.Neighbor)
		want   []uint16
	}{
		"trunk":                {func(*discovery.Neighbor) {}, trunked},
		"trunk without a PVID": {func(n *discovery.Neighbor) { n.PVID = 0 }, unadvertisedPVID},
		"PVID told as a name":  {func(n *discovery.Neighbor) { n.VLANs = n.VLANs[:1] }, access},
		"no VLAN names":        {func(n *discovery.Neighbor) { n.VLANs = nil }, access},
		"other switch":         {func(n *discovery.Neighbor) { n.SystemName, n.PortDescription = "spine-1", "" }, nil},
		"declaring switch":     {func(n *discovery.Neighbor) { n.SystemName, n.PVID = "old-3", 900 }, access},
	} {
		t.Run(name, func(t *testing.T) {
			n := leaf1()
			tt.change(n)
			declared := parse(t, rules).Read(subject(n)).Declared()
			if diff := cmp.Diff(tt.want, slices.Collect(declared.All())); diff != "" || declared.Len() != len(tt.want) {
				t.Errorf("%d declared (-want +got):\n%s", declared.Len(), diff)
			}
		})
	}
}

func TestIgnoredAndGroup(t *testing.T) {
	set := parse(t, `
ignore:
  - system: "bmc-*"
  - {group: second, interface: "ens*"}
switchGroups:
  first: {match: [{system: "leaf-1"}]}
  second: {match: [{system: "leaf-*"}, {managementAddress: 192.0.2.0/24}]}
`)
	for system, want := range map[string]struct{ ignored, group string }{
		"bmc-7":   {"r.yaml:3", "second"}, // by its address
		"leaf-1":  {"", "first"},
		"leaf-22": {"r.yaml:4", "second"},
	} {
		n := leaf1()
		n.SystemName = system
		ref, _ := set.Ignored(subject(n))
		group, _ := set.Read(subject(n)).Group()
		if ref.String() != want.ignored || group.Name != want.group {
			t.Errorf("%s is ignored by %q and in group %q, want %q and %q", system, ref, group.Name, want.ignored, want.group)
		}
	}
}

func TestKnown(t *testing.T) {
	set := parse(t, `
switchGroups:
  dc1:
    match: [{system: "leaf-*"}]
    vlans: {100: green, 101: blue, "200-299": "tenant-{vlan}"}
networks:
  - {name: "rail-{system.1}", aliases: [rails], match: [{system: "rail-leaf-(*)"}]}
  - {name: green, aliases: ["g-{system.1}-x"], match: [{system: "x(*)", vlan: 5}]}
`)
	if diff := cmp.Diff([]string{"blue", "green", "rails"}, set.KnownNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"g-*-x", "rail-*", "tenant-*"}, set.KnownPatterns()); diff != "" {
		t.Errorf("patterns (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"green": true, "rails": true, "rail-7": true, "tenant-200": true, "g-x-x": true, "gree": false, "rail": false, "": false} {
		if got := set.Covers(name); got != want {
			t.Errorf("Covers(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestNoRules(t *testing.T) {
	var none *Set
	for name, set := range map[string]*Set{"nil": none, "zero": {}, "empty file": parse(t, ""), "empty sections": parse(t, "ignore:\nswitchGroups:\nnetworks:\n")} {
		for _, s := range []Subject{{}, subject(leaf1())} {
			_, ignored := set.Ignored(s)
			_, grouped := set.Read(s).Group()
			_, named, notes := set.Read(s).Name(untagged)
			if ignored || grouped || named || notes != nil || set.Read(s).Declared() != (VIDs{}) || set.Covers("green") || len(set.KnownNames())+len(set.KnownPatterns()) > 0 {
				t.Errorf("%s: a set without rules says something", name)
			}
		}
	}
	if got := (Ref{}).String(); got != "" {
		t.Errorf("no place reads %q", got)
	}
}

func TestEqualSources(t *testing.T) {
	a := Source{Name: "a", Root: "spec", Data: []byte("{}")}
	b := Source{Name: "b"}
	for _, tt := range []struct {
		name string
		x, y []Source
		want bool
	}{
		{"none", nil, []Source{}, true},
		{"the same", []Source{a, b}, []Source{{Name: "a", Root: "spec", Data: []byte("{}")}, {Name: "b", Data: []byte{}}}, true},
		{"another order", []Source{a, b}, []Source{b, a}, false},
		{"one more", []Source{a}, []Source{a, b}, false},
		{"another name", []Source{a}, []Source{{Name: "b", Root: "spec", Data: []byte("{}")}}, false},
		{"another root", []Source{a}, []Source{{Name: "a", Data: []byte("{}")}}, false},
		{"other text", []Source{a}, []Source{{Name: "a", Root: "spec", Data: []byte("{ }")}}, false},
	} {
		if got := EqualSources(tt.x, tt.y); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestNamesIn(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		want       []string
	}{
		{"none", ``, nil},
		{"no mapping", `[1]`, nil},
		{"all that names", `{networks: [{name: "rail-{vlan}", aliases: [green, "{system.1}-{vlan}"]}], switchGroups: {dc: {vlans: {7: blue, "8-9": "dc-{vlan}"}}}}`, []string{"*-*", "blue", "dc-*", "green", "rail-*"}},
		{"twice", `{networks: [{name: green}, {name: green}]}`, []string{"green"}},
		{"with mistakes", `{networks: [{name: "{bogus}-x", aliases: blue}, {name: 7}, 7, {name: Not Valid}, {name: ""}], switchGroups: {dc: {vlans: [a]}, "": {vlans: {x: green}}}}`, []string{"*-x", "Not Valid", "green"}},
		{"broken", `{networks: [{name: green`, nil},
	} {
		if diff := cmp.Diff(tt.want, NamesIn(Source{Name: "a", Data: []byte(tt.data)})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A switch that calls a VLAN "Green!" does not make it the green that rules name, by
// whatever words, in whichever source.
func TestWireNames(t *testing.T) {
	const (
		byName  = `networks: [{name: "{vlanName}", wireNames: true, match: [{vlanName: "*"}]}, {name: green, match: [{system: sw-green, vlan: 100}]}]`
		literal = `{networks: [{name: storage, aliases: [green, "7", "a-5"], match: [{system: sw-green, vlan: 100}]}]}`
	)
	for name, tt := range map[string]struct {
		file, spec string
		vlanName   string
		want       string
		note       string
	}{
		"beside a rule":         {byName, "{}", "Green!", "", `r.yaml:1 applies, but gives no name: {vlanName} is "green" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"another name":          {byName, "{}", "Blue!", "blue", ""},
		"an alias in a RuleSet": {`networks: [{name: "{vlanName}", wireNames: true, match: [{vlanName: "*"}]}]`, literal, "Green!", "", `r.yaml:1 applies, but gives no name: {vlanName} is "green" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"caught":                {`networks: [{name: "{vlanName.1}", wireNames: true, match: [{vlanName: "x(*)"}]}]`, literal, "xgreen", "", `r.yaml:1 applies, but gives no name: {vlanName.1} is "green" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"with a number":         {`networks: [{name: "{vlanName}-{vlan}", wireNames: true, match: [{vlanName: "*"}]}]`, literal, "A", "", `r.yaml:1 applies, but gives no name: {vlanName}-{vlan} is "a-5" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"as an alias":           {`networks: [{name: some, aliases: ["{vlanName}"], wireNames: true, match: [{vlanName: "*"}]}]`, literal, "green", "some", `r.yaml:1 gives no alias: {vlanName} is "green" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"in a group":            {`switchGroups: {g: {match: [{system: "*"}], wireNames: true, vlans: {5: "{vlanName}", 6: green}}}`, "{}", "Green", "", `r.yaml:1 applies, but gives no name: {vlanName} is "green" here, which rules give as a name themselves: no switch may give it by its own words alone`},
		"mixed":                 {`networks: [{name: "g{vlanName}", match: [{vlanName: "*"}]}]`, literal, "reen", "green", ""},
		"the node's own words":  {`networks: [{name: "{interface.1}", match: [{interface: "(*)", vlanName: "*"}]}, {name: ens4, match: [{vlan: 9}]}]`, "{}", "x", "ens4", ""},
		"the number of a VLAN":  {`networks: [{name: "{vlan}", match: [{vlanName: "*"}]}, {name: "5", match: [{vlan: 9}]}]`, "{}", "x", "5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			set, _, err := Merge(sources(tt.file, tt.spec, "{}")...)
			if err != nil {
				t.Fatal(err)
			}
			got, ok, notes := set.Read(subject(leaf1())).Name(Occurrence{VID: 5, VLANName: tt.vlanName, Tagged: true})
			if got.Name != tt.want || ok != (tt.want != "") || len(got.Aliases) > 0 || strings.Join(notes, "\n") != tt.note {
				t.Errorf("%q, %v, notes %q; want %q, %q", got.Name, ok, notes, tt.want, tt.note)
			}
		})
	}
}

// A name needs wireNames where nothing but texts of the switch makes it.
func TestWireAlone(t *testing.T) {
	for name, want := range map[string]bool{
		"green": false, "{vlan}": false, "{vlanName}": true, "{vlanName}{vlan}": true, "{vlan}--{port.number}": true, "{port.number}": true, "{system.1}": true,
		"{system.1}-{chassis.1}": true, "{node.1}": false, "{vlanName}-{node.1}": false, "{interface.1}{vlan}": false, "rail-{system.1}": false, "{system.1}-7": false,
	} {
		if got, err := parseTemplate(name); err != nil || got.wire != want {
			t.Errorf("%s: %v, %v; want %v", name, got.wire, err, want)
		}
	}
}

func TestSilence(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]Silence{
		"refuse": SilenceRefuse, "keep": SilenceKeep, "1m": Silence(time.Minute), "90m": Silence(90 * time.Minute), "24h": Silence(day), "7d": Silence(7 * day),
		"1d12h30m15s": Silence(36*time.Hour + 30*time.Minute + 15*time.Second), "366d": Silence(366 * day), "31622400s": Silence(366 * day), "60s": Silence(time.Minute),
		"59s": 0, "366d1s": 0, "8785h": 0, "": 0, "7": 0, "-1h": 0, "+1h": 0, "1.5h": 0, "12h1d": 0, "1w": 0, "1h1h": 0, "0d": 0, "99999999999h": 0, "Keep": 0, "1 d": 0, "100ms": 0,
	} {
		doc := yamlfile.Parse("r.yaml", []byte("silence: '"+text+"'"))
		got := ReadSilence(doc.Mapping().Get("silence"))
		if got != want || (doc.Err() == nil) != (want != 0) {
			t.Errorf("%q: %v, %v; want %v", text, got, doc.Err(), want)
		}
	}
	for s, want := range map[Silence]string{0: "", SilenceRefuse: "refuse", SilenceKeep: "keep", Silence(36 * time.Hour): "1d12h", Silence(90 * time.Second): "1m30s"} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", s, s, want)
		}
	}
	for s, want := range map[Silence]struct {
		d       time.Duration
		forever bool
	}{0: {time.Hour, false}, SilenceRefuse: {0, false}, SilenceKeep: {0, true}, Silence(day): {day, false}} {
		if d, forever := s.Limit(time.Hour); d != want.d || forever != want.forever {
			t.Errorf("%v: %v, %v", s, d, forever)
		}
	}
}
