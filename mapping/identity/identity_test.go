// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

var mac = discovery.MAC{2, 0, 0, 0, 0, 7}

// keys are on disk on every node: a row never changes.
var keys = []struct {
	id       Identity
	key      Key
	sentence string // for people, in today's words
}{
	{Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}, "mac:00:00:5e:00:53:01 vlan 100", "chassis mac:00:00:5e:00:53:01 VLAN 100"},
	{Identity{Switch: "mac:00:00:5e:00:53:01", Port: "ifname:Ethernet1/1"}, "mac:00:00:5e:00:53:01 port ifname:Ethernet1/1", "chassis mac:00:00:5e:00:53:01 port ifname:Ethernet1/1, VLAN not advertised"},
	{Identity{Switch: "local:a"}, "local:a", "chassis local:a, VLAN not advertised"},
	{Identity{Kind: Group, Switch: "dc-2", VLAN: 4094}, "group:dc-2 vlan 4094", "switch group dc-2 VLAN 4094"},
	{Identity{Kind: Group, Switch: "flat"}, "group:flat", "switch group flat, VLAN not advertised"},
	{Identity{Kind: Sender, Switch: "cdp:Switch", Source: mac, VLAN: 1}, "cdp:Switch from 02:00:00:00:00:07 vlan 1", "chassis cdp:Switch from 02:00:00:00:00:07 VLAN 1"},
	{Identity{Kind: Sender, Switch: "cdp:Switch", Source: mac, Port: "ifname:Gi0/1"}, "cdp:Switch from 02:00:00:00:00:07 port ifname:Gi0/1", "chassis cdp:Switch from 02:00:00:00:00:07 port ifname:Gi0/1, VLAN not advertised"},
	{
		Identity{Kind: Sender, Switch: "mac:00:00:00:00:00:00", Source: mac, Says: "ifname:1 rack a 192.0.2.1", VLAN: 1},
		"mac:00:00:00:00:00:00 from 02:00:00:00:00:07 as ifname:1%20rack%20a%20192.0.2.1 vlan 1", "chassis mac:00:00:00:00:00:00 from 02:00:00:00:00:07 (ifname:1 rack a 192.0.2.1) VLAN 1",
	},
	{
		Identity{Kind: Sender, Switch: "local:0", Source: mac, Says: "local:as x", Port: "local:as x"},
		"local:0 from 02:00:00:00:00:07 as local:as%20x port local:as%20x", "chassis local:0 from 02:00:00:00:00:07 (local:as x) port local:as x, VLAN not advertised",
	},
	{Identity{Switch: "local:core 1 vlan 7", VLAN: 7}, "local:core%201%20vlan%207 vlan 7", "chassis local:core 1 vlan 7 VLAN 7"},
	{Identity{Switch: "ifname:100%", Port: "ifname:a port b"}, "ifname:100%25 port ifname:a%20port%20b", "chassis ifname:100% port ifname:a port b, VLAN not advertised"},
	{Identity{Switch: "group:dc-2", VLAN: 1}, "%67roup:dc-2 vlan 1", "chassis group:dc-2 VLAN 1"},
	{Identity{Switch: "local:~", VLAN: 2}, "local:~ vlan 2", "chassis local:~ VLAN 2"},
	{Identity{Kind: Sender, Switch: "group:x", Source: mac}, "%67roup:x from 02:00:00:00:00:07", "chassis group:x from 02:00:00:00:00:07, VLAN not advertised"},
	{Identity{Kind: Pin, Switch: "02:00:00:00:00:07"}, "pin:02:00:00:00:00:07", "the wire at 02:00:00:00:00:07"},
	{Identity{Kind: Pin, Switch: "02:00:00:00:00:07", VLAN: 300}, "pin:02:00:00:00:00:07 vlan 300", "the wire at 02:00:00:00:00:07 VLAN 300"},
	{Identity{Switch: "pin:x", VLAN: 1}, "%70in:x vlan 1", "chassis pin:x VLAN 1"},
	{Identity{Switch: "a\n\x00ü", VLAN: 1}, "a%0A%00%C3%BC vlan 1", "chassis a\n\x00ü VLAN 1"},
}

func TestKey(t *testing.T) {
	for _, tt := range keys {
		if got := tt.id.Key(); got != tt.key {
			t.Errorf("%+v: key %q, want %q", tt.id, got, tt.key)
		}
		if got, err := Parse(tt.key); err != nil || got != tt.id {
			t.Errorf("%q: %+v, %v, want %+v", tt.key, got, err, tt.id)
		}
		if got := tt.id.String(); got != tt.sentence {
			t.Errorf("%+v: %q, want %q", tt.id, got, tt.sentence)
		}
		if got := IsPin(tt.id.SwitchKey()); got != (tt.id.Kind == Pin) {
			t.Errorf("switch %q is a pin: %v", tt.id.SwitchKey(), got)
		}
		if got, err := ParseSwitch(tt.id.SwitchKey()); err != nil || got != (Identity{Kind: tt.id.Kind, Switch: tt.id.Switch, Source: tt.id.Source, Says: tt.id.Says}) {
			t.Errorf("switch %q: %+v, %v", tt.id.SwitchKey(), got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for key, want := range map[Key]string{
		"":                               `identity "": it names no switch`,
		"group:":                         `identity "group:": it names no switch`,
		"a b":                            `identity "a b": want "a%20b"`,
		"a vlan 0":                       `identity "a vlan 0": "0" is no VLAN`,
		"a vlan 4095":                    `identity "a vlan 4095": "4095" is no VLAN`,
		"a vlan 07":                      `identity "a vlan 07": want "a vlan 7"`,
		"a vlan x":                       `identity "a vlan x": "x" is no VLAN`,
		"a%2":                            `identity "a%2": "a%2" ends within %XX`,
		"a%zz":                           `identity "a%zz": "%zz" is not %XX`,
		"a%41":                           `identity "a%41": want "aA"`,
		"a from b":                       `identity "a from b": parse MAC address "b": address b: invalid MAC address`,
		"a from 02-00-00-00-00-07":       `identity "a from 02-00-00-00-00-07": want "a from 02:00:00:00:00:07"`,
		"a from 02:00:00:00:00:07 as":    `identity "a from 02:00:00:00:00:07 as": parse MAC address "02:00:00:00:00:07 as": address 02:00:00:00:00:07 as: invalid MAC address`,
		"a from 02:00:00:00:00:07 as b%": `identity "a from 02:00:00:00:00:07 as b%": "b%" ends within %XX`,
		"a from 02:00:00:00:00:07 as ":   `identity "a from 02:00:00:00:00:07 as ": want "a from 02:00:00:00:00:07"`,
		"a vlan 1 port b":                `identity "a vlan 1 port b": "1 port b" is no VLAN`,
		"chassis local:a VLAN 1":         `identity "chassis local:a VLAN 1": want "chassis%20local:a%20VLAN%201"`,
		"group:a from 02:0:0:0:0:07":     `identity "group:a from 02:0:0:0:0:07": parse MAC address "02:0:0:0:0:07": address 02:0:0:0:0:07: invalid MAC address`,
	} {
		if id, err := Parse(key); err == nil || err.Error() != want {
			t.Errorf("%q: %+v, %v, want %s", key, id, err, want)
		}
		if got := key.Named(); got != string(key) {
			t.Errorf("%q is named %q", key, got)
		}
	}
}

// before is an identity as it was kept before there were keys.
func before(i Identity) string {
	what := "chassis " + i.Switch
	switch i.Kind {
	case Group:
		what = "switch group " + i.Switch
	case Sender:
		what += " from " + i.Source.String()
	case Chassis, Pin: // there were no pins
	}
	switch {
	case i.VLAN != 0:
		return fmt.Sprintf("%s VLAN %d", what, i.VLAN)
	case i.Port != "":
		return fmt.Sprintf("%s port %s, VLAN not told", what, i.Port)
	default:
		return what + ", VLAN not told"
	}
}

func TestUpgrade(t *testing.T) {
	for _, tt := range keys {
		if tt.id.Kind == Pin || tt.id.Kind == Sender && !strings.HasPrefix(tt.id.Switch, "cdp:") {
			continue // as nobody was told before there were keys
		}
		want := tt.key
		if strings.Contains(string(tt.id.Port), " port ") {
			want = Key(before(tt.id)) // it could be another chassis ID and port
		}
		if got := UpgradeSentence(before(tt.id)); got != want {
			t.Errorf("%q: %q, want %q", before(tt.id), got, want)
		}
	}
	for kept, want := range map[string]Key{
		"chassis local:a%20b VLAN 7":                       "local:a%2520b vlan 7", // nothing was escaped then
		"chassis local:rack VLAN 3 VLAN 4":                 "local:rack%20VLAN%203 vlan 4",
		"chassis local:sw port 1 VLAN 4":                   "local:sw%20port%201 vlan 4",
		"chassis ifname:x, VLAN not told":                  "ifname:x",
		"chassis a port b port c, VLAN not told":           "chassis a port b port c, VLAN not told",
		"chassis a VLAN 99999":                             "chassis a VLAN 99999",
		"":                                                 "",
		"nonsense":                                         "nonsense",
		"mac:00:00:5e:00:53:01 vlan 100":                   "mac:00:00:5e:00:53:01 vlan 100",
		"chassis cdp:a b from 02:00:00:00:00:07 VLAN 10":   "cdp:a%20b from 02:00:00:00:00:07 vlan 10",
		"chassis local:a from 02:00:00:00:00:07 VLAN 10":   "local:a%20from%2002:00:00:00:00:07 vlan 10", // LLDP makes no Sender
		"chassis cdp:a%20b from 02:00:00:00:00:07 VLAN 10": "cdp:a%2520b from 02:00:00:00:00:07 vlan 10",
	} {
		if got := UpgradeSentence(kept); got != want {
			t.Errorf("%q: %q, want %q", kept, got, want)
		}
	}
}

// TestUpgradeColour holds that a colour keeps its network however its book spelt that.
func TestUpgradeColour(t *testing.T) {
	for kept, want := range map[string]Key{
		"mac:00:00:5e:00:53:01 vlan 100":           "mac:00:00:5e:00:53:01 vlan 100",
		"local:core 1 vlan 7":                      "local:core%201 vlan 7",
		"local:core%201 vlan 7":                    "local:core%25201 vlan 7",
		"local:a vlan 1 vlan 2":                    "local:a%20vlan%201 vlan 2",
		"cdp:Switch from 02:00:00:00:00:07 vlan 1": "cdp:Switch from 02:00:00:00:00:07 vlan 1",
		"nonsense":                               "nonsense",
		"a vlan 0":                               "a vlan 0",
		"a vlan 4095":                            "a vlan 4095",
		"cdp:a b from 02:00:00:00:00:07 vlan 10": "cdp:a%20b from 02:00:00:00:00:07 vlan 10",
		"cdp:100% sure from 02:00:00:00:00:07 vlan 1": "cdp:100%25%20sure from 02:00:00:00:00:07 vlan 1",
		" vlan 7":            " vlan 7",
		"local:a":            "local:a",
		"group:dc%2 vlan 9":  "%67roup:dc%252 vlan 9",
		"ifname:a%41 vlan 9": "ifname:a%2541 vlan 9",
	} {
		if got := UpgradeColour(kept); got != want {
			t.Errorf("%q: %q, want %q", kept, got, want)
		}
	}
}

// TestNamed holds that no key puts into a message what moves the cursor.
func TestNamed(t *testing.T) {
	for key, want := range map[Key]string{
		"local:a%20b vlan 7":       "chassis local:a b VLAN 7",
		"local:%1B]0;x%07 vlan 7":  "local:%1B]0;x%07 vlan 7",
		"local:%FF vlan 7":         "local:%FF vlan 7",
		"local:a port ifname:%0Ab": "local:a port ifname:%0Ab",
	} {
		if got := key.Named(); got != want {
			t.Errorf("%q is named %q, want %q", key, got, want)
		}
	}
}

func TestParseSwitchRefuses(t *testing.T) {
	for _, text := range []string{"a b", "a%2", "a%41", "a from b", "a%2 from 02:00:00:00:00:07"} {
		if id, err := ParseSwitch(text); err == nil {
			t.Errorf("%q: %+v", text, id)
		}
	}
}

func TestHasVLAN(t *testing.T) {
	for vlan, want := range map[uint16]bool{0: false, 1: true, 4094: true} {
		if got := (Identity{VLAN: vlan}).HasVLAN(); got != want {
			t.Errorf("VLAN %d: %t", vlan, got)
		}
	}
}

// FuzzKey holds that an identity has one key and a key one reading.
func FuzzKey(f *testing.F) {
	for _, tt := range keys {
		f.Add(string(tt.id.Kind), tt.id.Switch, string(tt.id.Port), tt.id.VLAN, string(tt.key))
	}
	f.Fuzz(func(t *testing.T, kind, name, port string, vlan uint16, key string) {
		id := Identity{Kind: Kind(kind), Switch: name, VLAN: vlan, Port: discovery.ID(port)}
		switch {
		case id.Kind != Chassis && id.Kind != Group && id.Kind != Sender:
			id.Kind = Chassis
		case id.Kind == Sender:
			id.Source, id.Says = mac, port
		}
		if name != "" && vlan <= discovery.MaxVID {
			if got, err := Parse(id.Key()); err != nil || got != id {
				t.Errorf("%+v: key %q reads %+v, %v", id, id.Key(), got, err)
			}
		}
		if got, err := Parse(Key(key)); err == nil && got.Key() != Key(key) {
			t.Errorf("%q reads %+v, whose key is %q", key, got, got.Key())
		}
		UpgradeSentence(key)
	})
}

func TestCompare(t *testing.T) {
	for i, a := range keys {
		for j, b := range keys {
			if got := Compare(a.id, b.id); (got == 0) != (i == j) || got != -Compare(b.id, a.id) {
				t.Errorf("%v and %v: %d", a.id, b.id, got)
			}
		}
	}
}
