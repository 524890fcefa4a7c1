// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/privatedir"
)

// checkExcerpt compares an excerpt with the whole file.
func checkExcerpt(t *testing.T, data []byte, name string) {
	t.Helper()
	whole, wholeErr := read("f", data)
	e, err := excerpt("f", data, name)
	if wholeErr != nil { // what is wrong may be of another network
		return
	}
	if err != nil {
		t.Fatalf("%q: %v, though the file is whole:\n%s", name, err, data)
	}
	if again, err := e.Whole(); err != nil || !cmp.Equal(whole, again) {
		t.Errorf("the whole file is another: %v", err)
	}
	want := *whole
	want.Networks = slices.DeleteFunc(slices.Clone(whole.Networks), func(n Network) bool { return n.Name != name })
	if diff := cmp.Diff(&want, e.File); diff != "" {
		t.Errorf("%q of %s (-want +got):\n%s", name, data, diff)
	}
}

// TestExcerpt reads each network of files, as Write writes them and otherwise, and names that
// are none.
func TestExcerpt(t *testing.T) {
	hostile := everything()
	hostile.Networks[0].Uplinks[0].Reason = `{"name":"green","uplinks":[]},"networks":[],"knownNames":[]`
	hostile.Networks[0].Uplinks[0].Neighbor = `\",\"networks\":[` + "\u2028<>&"
	hostile.Networks[0].Name = `bl"ue`
	hostile.Moved[0].Name = "green"
	empty := sample()
	empty.Networks = []Network{}
	for _, f := range []*File{sample(), everything(), hostile, empty, large(50)} {
		compact, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		indented, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"green", "blue", `bl"ue`, "storage", "vms", "net-7", "eth1", "", "no\xff"} {
			checkExcerpt(t, compact, name)
			checkExcerpt(t, indented, name)
		}
	}
}

// TestExcerptRefuses holds what is wrong with a file: as for who reads all of it, but for what
// is in networks that nobody asked for.
func TestExcerptRefuses(t *testing.T) {
	f := sample()
	f.Networks[1].Uplinks[0].Until = 0
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := excerpt("f", data, "green"); err == nil {
		t.Error("a network without a deadline is taken")
	}
	e, err := excerpt("f", data, "blue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Whole(); err == nil {
		t.Error("the whole file is not refused")
	}
	path := filepath.Join(privatedir.New(t), FileName)
	for _, text := range []string{"", "{}", `{"version":3}`, `{"version":4,"networks":[`, `{"version":4,"networks":[{"name":"blue","uplinks":[],"knownNames":[]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, want := ReadTrusted(path)
		if _, err := ReadTrustedExcerpt(path, "blue"); err == nil || want == nil || err.Error() != want.Error() {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTrustedExcerpt(path, "blue"); err == nil {
		t.Error("no file is taken")
	}
}

// FuzzExcerpt compares excerpts of whatever Write can write with the whole.
func FuzzExcerpt(f *testing.F) {
	for _, file := range []*File{sample(), everything()} {
		data, err := json.Marshal(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "green")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		whole, _, err := decode(data)
		if err != nil || whole.Networks == nil {
			return
		}
		slices.SortFunc(whole.Networks, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
		whole.Networks = slices.CompactFunc(whole.Networks, func(a, b Network) bool { return a.Name == b.Name })
		written, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		checkExcerpt(t, written, name)
	})
}

// large is a node with so many networks, each on a port.
func large(networks int) *File {
	f := sample()
	f.Networks, f.KnownNames = nil, nil
	for i := range networks {
		name, link := fmt.Sprint("net-", i), Link{Name: fmt.Sprint("eth", i), Index: i + 2, MAC: fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&255)}
		f.KnownNames = append(f.KnownNames, name)
		f.Networks = append(f.Networks, Network{Name: name, Uplinks: []Uplink{{
			Identity: fmt.Sprint("mac:00:1b:21:aa:bb:cc vlan ", i), Device: link, Ports: []Port{{Link: link, CarrierChanges: 2}},
			Certainty: Fresh, Usable: true, Until: 15 * time.Minute, Since: f.Written, Neighbor: "leaf-1 mac:00:1b:21:aa:bb:cc port ifname:Ethernet1/1", Rule: "/etc/colvin/rules.yaml:3",
		}}})
	}
	return f
}

// BenchmarkEdge measures what it takes to find what a name means.
func BenchmarkEdge(b *testing.B) {
	for _, networks := range []int{1, 500, 4094} {
		path, name := filepath.Join(b.TempDir(), FileName), fmt.Sprint("net-", networks-1)
		if err := Write(path, large(networks)); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("whole-", networks), func(b *testing.B) {
			for b.Loop() {
				if f, err := Read(path); err != nil || len(f.Lookup(name)) != 1 {
					b.Fatal(f, err)
				}
			}
		})
		b.Run(fmt.Sprint("excerpt-", networks), func(b *testing.B) {
			for b.Loop() {
				if e, err := ReadExcerpt(path, name); err != nil || len(e.File.Lookup(name)) != 1 {
					b.Fatal(e, err)
				}
			}
		})
	}
}
