// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
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
	golden.CompareJSON(t, filepath.Join("testdata/formats", want), got)
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
	voices := []belief.Voice{{Neighbor: leaf}, {Neighbor: neighbor("leaf-1", "mac:00:00:5e:00:53:01", 200), Goodbye: saved.Add(time.Hour)}}
	voices[0].Before, voices[0].Longest, voices[0].Tag = saved, time.Minute, 7
	for i, state := range []belief.State{belief.Empty, belief.Expecting, belief.Silent, belief.Held, belief.Late, belief.Left, belief.Disputed} {
		p := belief.Port{
			Interface: "eth" + string(rune('1'+i)), Index: 2 + i, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(i)}, Instance: 1, Epoch: 3,
			State: state, Since: saved, Away: saved, Holder: &voices[0], HeldSince: saved, Seen: saved,
		}
		if state == belief.Expecting {
			p.Cause = belief.CarrierLost
		}
		if state == belief.Disputed {
			p.Settled, p.Struck, p.Touched, p.Voices, p.Before, p.Against = true, true, true, voices, []discovery.Neighbor{leaf}, voices[1:]
			p.Ends, p.Second, p.Lost, p.Forgot, p.SettledAt = saved, saved, saved, saved, saved
		}
		m.Ports = append(m.Ports, p)
	}
	m.Switches = mapping.Switches{{
		ID: "mac:00:00:5e:00:53:01", Name: "leaf-1", Chassis: []discovery.ID{"mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02"},
	}}
	return m
}

// upAt is how long the machine was up in the formats.
func upAt(t time.Time) time.Duration { return t.Sub(saved.Add(-time.Hour)) }

// TestMemoryOnAnotherAxis holds that what was heard a minute ago was so for an agent that
// starts after the time of day was set, too.
func TestMemoryOnAnotherAxis(t *testing.T) {
	run := statefile.Dir(t.TempDir())
	if err := (memories{run: run, sinceBoot: upAt}).save(remembered(), saved); err != nil {
		t.Fatal(err)
	}
	const set = 3 * time.Hour
	got, err := memories{run: run, sinceBoot: func(t time.Time) time.Duration { return upAt(t) - set }}.read(time.Time{})
	if diff := cmp.Diff(remembered().Shift(set), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if heard, was := got.Ports[3].Holder.LastHeard, remembered().Ports[3].Holder.LastHeard; heard.Sub(was) != set {
		t.Errorf("heard %v later", heard.Sub(was))
	}
}

// TestMemoryFormats holds that what each version wrote is read, and what is written now
// stays as it is.
func TestMemoryFormats(t *testing.T) {
	s := store{statefile.Dir(t.TempDir())}
	if err := (memories{run: s.Dir, sinceBoot: upAt}).save(remembered(), saved); err != nil {
		t.Fatal(err)
	}
	expectFile(t, s, memoryFormat.Name, "memory.v3.json")
	got, err := memories{run: put(t, "memory.v3.json", memoryFormat.Name).Dir, sinceBoot: upAt}.read(time.Time{})
	if diff := cmp.Diff(remembered(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, version := range []string{"memory.v1.json", "memory.v2.json"} {
		got, err := memories{run: put(t, version, memoryFormat.Name).Dir}.read(time.Time{})
		if err != nil || len(got.Ports) != 6 || got.BootID != "boot-1" || got.Switches != nil {
			t.Fatalf("%s: %+v, %v", version, got, err)
		}
		for i, p := range got.Ports { // who was there is remembered, and not believed
			want := belief.Port{
				Interface: "eth" + string(rune('1'+i)), Index: 2 + i, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(i)}, Epoch: 3,
				State: belief.Expecting, Cause: belief.Rebooted, Since: saved, Away: saved, Seen: saved, Holder: p.Holder,
			}
			if diff := cmp.Diff(want, p); diff != "" || p.Holder.Chassis != "mac:00:00:5e:00:53:01" || p.Holder.PVID != 100 {
				t.Errorf("%s: %+v (-want +got):\n%s", version, p.Holder, diff)
			}
		}
	}
}

// TestMemoryOfALaterVersion holds that it is not taken for damaged.
func TestMemoryOfALaterVersion(t *testing.T) {
	for content, aside := range map[string]string{`{"version":4,"memory":7}`: ".later", `{"version":3,"memory":7}`: ".damaged", "": ".damaged"} {
		s := store{statefile.Dir(t.TempDir())}
		if err := os.WriteFile(s.Path(memoryFormat.Name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := memories{run: s.Dir, state: statefile.Dir(t.TempDir())}.read(time.Time{})
		if err == nil || m.Ports != nil {
			t.Errorf("%q: %+v, %v", content, m, err)
		}
		if got, err := os.ReadFile(s.Path(memoryFormat.Name + aside)); err != nil || string(got) != content {
			t.Errorf("%q: set aside: %q, %v", content, got, err)
		}
	}
}

// TestColoursUnreadable holds that colours which cannot be read are no reason to begin anew:
// the file stays, and what to do depends on who wrote it.
func TestColoursUnreadable(t *testing.T) {
	for content, want := range map[string]string{
		`{"version":3}`: "a later version of Colvin wrote it; install that one again; no colours are given out",
		`{`:             "no colours are given out: restore the file, or remove it to begin anew",
	} {
		s := store{statefile.Dir(t.TempDir())}
		if err := os.WriteFile(s.Path(coloursName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		book, err := s.colours()
		if book != nil || err == nil || !strings.HasPrefix(err.Error(), "read "+s.Path(coloursName)+": ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", content, book, err, want)
		}
		if got, err := os.ReadFile(s.Path(coloursName)); string(got) != content || err != nil {
			t.Errorf("%s became %s, %v", content, got, err)
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
	if st, err := os.Stat(s.Path(coloursName)); err != nil || st.Mode() != 0o600 {
		t.Errorf("the colours have mode %v, %v", st.Mode(), err)
	}

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

// TestEarlierFormats holds that a version which never was, and what was damaged in an earlier
// one, is not taken for empty.
func TestEarlierFormats(t *testing.T) {
	const none, number = "is not known", "json: cannot unmarshal number"
	for content, want := range map[string]string{
		`{"version":0}`: none, `{"version":-1}`: none, `{"version":1,"memory":7}`: number, `{"version":2,"memory":7}`: number,
	} {
		if _, err := memoryFormat.Decode([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("memory %s: %v, want %s", content, err, want)
		}
	}
	for content, want := range map[string]string{`{"version":0}`: none, `{"version":-1}`: none, `{"version":1,"colours":7}`: number} {
		if _, err := clusterColoursFormat.Decode([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("colours %s: %v, want %s", content, err, want)
		}
	}
}

// TestHugeFiles holds that nothing is read that no agent wrote, as it would not fit.
func TestHugeFiles(t *testing.T) {
	s := store{statefile.Dir(t.TempDir())}
	for _, name := range []string{memoryFormat.Name, clusterColoursFormat.Name} {
		if err := errors.Join(os.WriteFile(s.Path(name), nil, 0o600), os.Truncate(s.Path(name), 1<<40)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := memoryFormat.Read(s.Dir); err == nil || !strings.HasSuffix(err.Error(), " 268435456 bytes") {
		t.Errorf("memory: %v", err)
	}
	if _, err := s.clusterColours("ca-1"); err == nil || !strings.HasSuffix(err.Error(), " 16777216 bytes") {
		t.Errorf("colours: %v", err)
	}
}

// TestColoursOfNobody holds that what cannot be read of colours is no reason to have others.
func TestColoursOfNobody(t *testing.T) {
	s := store{statefile.Dir(t.TempDir())}
	if err := os.WriteFile(s.Path(clusterColoursFormat.Name), []byte(`{"version":2,"of":"ca-1","colours":[{"name":"red-wren","identity":"mac:00:00:5e:00:53:01 vlan 9999"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.clusterColours("ca-1"); got != nil || err == nil || !strings.Contains(err.Error(), ": colour red-wren: ") {
		t.Errorf("an identity that is none: %v, %v", got, err)
	}
	if err := os.Mkdir(s.Path(coloursName), 0o700); err != nil {
		t.Fatal(err)
	}
	if book, err := s.colours(); book != nil || err == nil || !strings.HasPrefix(err.Error(), "read colours: ") {
		t.Errorf("a directory: %v, %v", book, err)
	}
}

// TestMemoryAxis holds that clocks which are read in turn are one axis, and others are not.
func TestMemoryAxis(t *testing.T) {
	for _, by := range []time.Duration{0, 10 * time.Millisecond, -10 * time.Millisecond, 10*time.Millisecond + 1, -10*time.Millisecond - 1} {
		run := statefile.Dir(t.TempDir())
		if err := (memories{run: run, sinceBoot: upAt}).save(remembered(), saved); err != nil {
			t.Fatal(err)
		}
		got, err := memories{run: run, sinceBoot: func(t time.Time) time.Duration { return upAt(t) - by }}.read(time.Time{})
		want := remembered()
		if by.Abs() > 10*time.Millisecond {
			want = want.Shift(by)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v apart: %v (-want +got):\n%s", by, err, diff)
		}
	}
}
