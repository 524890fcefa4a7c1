// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestCommandsPasted pastes the commands in messages about interfaces of any name.
func TestCommandsPasted(t *testing.T) {
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) {
			continue
		}
		down := discovery.Interface{Index: 7, Name: name, Ethernet: true}
		ovs := discovery.Interface{Index: 7, Name: name, Ethernet: true, Up: true, Carrier: true, Master: 8}
		master := discovery.Interface{Index: 8, Name: "ovs-system", Kind: discovery.KindOpenVSwitch}
		for _, tt := range []struct {
			ifi    discovery.Interface
			within *regexp.Regexp
			want   []string
		}{
			{down, regexp.MustCompile(`(ip link .*) brings it up`), []string{"ip", "link", "set", "dev", paste.Device(name, 7), "up"}},
			{ovs, regexp.MustCompile(`(ovs-vsctl .*)\)`), []string{"ovs-vsctl", "get", "interface", name, "lldp"}},
		} {
			snap := &discovery.Snapshot{Interfaces: []discovery.Interface{tt.ifi, master}, Ports: []discovery.Port{{Index: 7, Name: name}}}
			silence, _ := mapping.Silent(snap, tt.ifi, time.Now())
			m := tt.within.FindStringSubmatch(silence.Message)
			if m == nil {
				t.Fatalf("%q: %s", name, silence.Message)
			}
			if got := pastetest.Shell(t, m[1]); !slices.Equal(got, tt.want) {
				t.Errorf("%q: %s is pasted as %q", name, m[1], got)
			}
		}
	}
}

// TestDeviceOfJSON holds that an interface whose name JSON could not carry is told by its
// ifindex: colvin has all names by JSON.
func TestDeviceOfJSON(t *testing.T) {
	ifi := *byJSON(t, &discovery.Interface{Index: 7, Name: "eth\xff", Ethernet: true})
	silence, _ := mapping.Silent(&discovery.Snapshot{Ports: []discovery.Port{{Index: 7}}}, ifi, time.Now())
	if !strings.Contains(silence.Message, "; ip link set dev if7 up brings it up") {
		t.Error(silence.Message)
	}
}

// TestReplacePasted pastes the command that accepts a new switch.
func TestReplacePasted(t *testing.T) {
	for _, text := range pastetest.Texts {
		old, ok := speaker("component", "old"+text, 100, 1)
		now, also := speaker("component", "new"+text, 100, 2)
		if !ok || !also || old.Chassis == now.Chassis {
			continue
		}
		p := &player{now: start, node: "node1", boot: "boot-1"}
		if err := p.link([]string{"eth1"}); err != nil {
			t.Fatal(err)
		}
		old.SystemName, now.SystemName, now.Port = "leaf", "leaf", old.Port
		for _, n := range []discovery.Neighbor{old, now} {
			p.restart() // in which the one before is silent
			n.FirstHeard, n.LastHeard = p.now, p.now
			utter(&p.ports[0], n)
			p.resolve()
		}
		i := slices.IndexFunc(p.view.Conditions, func(c mapping.Condition) bool { return c.Type == mapping.SwitchReplaced })
		if i < 0 {
			t.Fatalf("%q: %v", text, p.view.Conditions)
		}
		_, command, _ := strings.Cut(p.view.Conditions[i].Message, "accept it with: ")
		words := pastetest.Shell(t, command)
		if want := []string{"colvin", "rules", "replace", string(old.Chassis), string(now.Chassis), "FILE"}; !slices.Equal(words, want) {
			t.Errorf("%s is pasted as %q, want %q", command, words, want)
			continue
		}
		checkReplaces(t, words[3], words[4])
	}
}

// checkReplaces has a rule name the new switch.
func checkReplaces(t *testing.T, first, second string) {
	t.Helper()
	old, err := rules.ParseChassisID(first)
	if err != nil {
		t.Fatal(err)
	}
	now, err := rules.ParseChassisID(second)
	if err != nil {
		t.Fatal(err)
	}
	match, _ := rules.Exact{Chassis: old, VLAN: 100}.Match()
	r, err := rules.ReplaceChassis("rules.yaml", []byte("networks:\n  - name: green\n    match: ["+match+"]\n"), old, now)
	if err != nil || len(r.Lines) != 1 {
		t.Fatalf("%s by %s: %v %v", old, now, r.Lines, err)
	}
	set, _, err := rules.Parse("rules.yaml", r.Data)
	if err != nil {
		t.Fatalf("%s\n%v", r.Data, err)
	}
	for id, want := range map[discovery.ID]bool{old: false, now: true} {
		sub := rules.Subject{Interface: "eth1", Neighbor: &discovery.Neighbor{MSAP: discovery.MSAP{Chassis: id, Port: "local:1"}, PVID: 100}}
		if _, named, _ := set.Read(sub).Name(rules.Occurrence{VID: 100}); named != want {
			t.Errorf("%s\nnames %s: %t", r.Data, id, named)
		}
	}
}
