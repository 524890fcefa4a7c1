// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// put makes a store that holds a file of testdata/formats.
func put(t *testing.T, name, as string) store {
	t.Helper()
	s := store{statefile.Dir(t.TempDir())}
	data, err := os.ReadFile(filepath.Join("testdata/formats", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(as), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// expectFile compares a file of the store with one of testdata/formats.
func expectFile(t *testing.T, s store, name, want string) {
	t.Helper()
	got, err := os.ReadFile(s.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata/formats", want), string(got))
}

var saved = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// remembered is what the files of all versions of memory.json hold.
func remembered() mapping.Memory {
	neighbor := func(name string, chassis discovery.ID, pvid uint16) discovery.Neighbor {
		return discovery.Neighbor{
			Protocol: discovery.ProtocolLLDP, Source: discovery.MAC{0, 0, 0x5e, 0, 0x53, 1}, Destination: discovery.NearestBridge,
			MSAP: discovery.MSAP{Chassis: chassis, Port: "ifname:Ethernet1/7"}, TTL: 120, SystemName: name, PVID: pvid,
			FirstHeard: saved, LastHeard: saved.Add(time.Minute),
		}
	}
	leaf := neighbor("leaf-1", "mac:00:00:5e:00:53:01", 100)
	m := mapping.Memory{BootID: "boot-1"}
	for i, c := range []mapping.Claim{
		{
			Live: true, Change: &mapping.Change{To: neighbor("leaf-1", "mac:00:00:5e:00:53:01", 200), Since: saved},
			Rivals: []discovery.Neighbor{neighbor("other", "mac:00:00:5e:00:53:09", 1)},
		},
		{LostWhy: mapping.LostCarrier, Gone: mapping.GoneAgedOut},
		{LostWhy: mapping.LostDevice, Gone: mapping.GoneGoodbye},
		{LostWhy: mapping.LostBoot, Gone: mapping.GoneNotHeard},
		{LostWhy: mapping.LostVLAN, Gone: mapping.GoneSilent},
		{LostWhy: mapping.LostCDP, Gone: mapping.GoneAgedOut},
	} {
		c.Interface, c.Index, c.MAC, c.Epoch, c.Neighbor, c.Since = "eth"+string(rune('1'+i)), 2+i, discovery.MAC{2, 0, 0, 0, 0, byte(i)}, 3, leaf, saved
		if c.LostWhy != "" {
			c.Lost = saved.Add(time.Hour)
		}
		m.Claims = append(m.Claims, c)
	}
	m.Switches = mapping.Switches{{
		ID: "mac:00:00:5e:00:53:01", Name: "leaf-1", Chassis: []discovery.ID{"mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02"},
		Replacements: []mapping.Replacement{{Old: "mac:00:00:5e:00:53:01", New: "mac:00:00:5e:00:53:02", At: saved}},
	}}
	return m
}

// TestMemoryFormats holds that what each version wrote is read, and what is written now
// stays as it is.
func TestMemoryFormats(t *testing.T) {
	s := store{statefile.Dir(t.TempDir())}
	if err := (memories{run: s.Dir}).save(remembered(), saved); err != nil {
		t.Fatal(err)
	}
	expectFile(t, s, memoryFormat.Name, "memory.v2.json")
	for _, version := range []string{"memory.v1.json", "memory.v2.json"} {
		got, err := memories{run: put(t, version, memoryFormat.Name).Dir}.read(time.Time{})
		if diff := cmp.Diff(remembered(), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", version, err, diff)
		}
	}
}

// TestMemoryOfALaterVersion holds that it is not taken for damaged.
func TestMemoryOfALaterVersion(t *testing.T) {
	for content, aside := range map[string]string{`{"version":3,"memory":7}`: ".later", `{"version":2,"memory":7}`: ".damaged", "": ".damaged"} {
		s := store{statefile.Dir(t.TempDir())}
		if err := os.WriteFile(s.Path(memoryFormat.Name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := memories{run: s.Dir, state: statefile.Dir(t.TempDir())}.read(time.Time{})
		if err == nil || m.Claims != nil {
			t.Errorf("%q: %+v, %v", content, m, err)
		}
		if got, err := os.ReadFile(s.Path(memoryFormat.Name + aside)); err != nil || string(got) != content {
			t.Errorf("%q: set aside: %q, %v", content, got, err)
		}
	}
}

// TestColourFormats holds the same of both files of colours.
func TestColourFormats(t *testing.T) {
	mac := discovery.MAC{2, 0, 0, 0, 0, 7}
	book, err := put(t, "colours.v1.json", coloursName).colours()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[mapping.Identity]string{
		{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}:                        "amber-quail",
		{Kind: identity.Sender, Switch: "cdp:Switch", Source: mac, VLAN: 1}: "red-ibis",
		{Switch: "local:core 1", VLAN: 7}:                                   "teal-puffin",
	} {
		if got, ok := book.Colour(string(id.Key())); got != want || !ok {
			t.Errorf("%v has the colour %q, want %q", id, got, want)
		}
	}
	s := store{statefile.Dir(t.TempDir())}
	if err := s.saveColours(book); err != nil {
		t.Fatal(err)
	}
	expectFile(t, s, coloursName, "colours.v2.json")

	want := []mapping.Colour{
		{Name: "red-wren", Identity: mapping.Identity{Switch: "mac:00:00:5e:00:53:01", VLAN: 100}},
		{Name: "sky-emu", Identity: mapping.Identity{Kind: identity.Sender, Switch: "cdp:Switch", Source: mac, VLAN: 1}},
	}
	if err := s.saveClusterColours("ca-1", want); err != nil {
		t.Fatal(err)
	}
	expectFile(t, s, clusterColoursFormat.Name, "colours.cluster.v2.json")
	for _, version := range []string{"colours.cluster.v1.json", "colours.cluster.v2.json"} {
		s := put(t, version, clusterColoursFormat.Name)
		got, err := s.clusterColours("ca-1")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", version, err, diff)
		}
		if got, err := s.clusterColours("ca-2"); got != nil || err != nil {
			t.Errorf("%s, another cluster: %v, %v", version, got, err)
		}
	}
}
