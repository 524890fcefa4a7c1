// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manyNetworks is a file with as many networks, whose texts look like its own structure.
func manyNetworks(n int) *File {
	f := &File{Version: Version, Node: `node "1" {[,:]}\`, BootID: "boot-1", Pending: []string{`"networks":[`}, KnownNames: []string{"a"}}
	for i := range n {
		l := Link{Name: fmt.Sprintf(`eth"%d`, i), Index: i + 1, MAC: "02:00:00:00:00:01"}
		f.Networks = append(f.Networks, Network{Name: fmt.Sprint("net-", i), Uplinks: []Uplink{{
			Identity: "mac:00:00:5e:00:53:01 vlan 100", Device: l, Certainty: Fresh, Usable: true, Until: time.Hour,
			Neighbor: `{"name":"net-1",\" ]} \\`, Rule: "rules.yaml:3", Ports: []Port{{Link: l}},
		}}})
	}
	return f
}

// TestReadTrustedFor holds that one network is what the whole file says of it.
func TestReadTrustedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	want := manyNetworks(30)
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"net-0", "net-1", "net-17", "net-29"} {
		got, err := read(path, decoderFor(name))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Networks) != 1 {
			t.Errorf("%s: read %d networks, want 1", name, len(got.Networks))
		}
		if diff := cmp.Diff(want.Lookup(name), got.Lookup(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		got.Networks = want.Networks
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("all but the networks (-want +got):\n%s", diff)
		}
	}
	got, err := read(path, decoderFor("net-30"))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, want all where there is no such network (-want +got):\n%s", err, diff)
	}
}

// TestReadTrustedForOdd holds that what Write does not write is read all the same, or refused.
func TestReadTrustedForOdd(t *testing.T) {
	compact, err := json.Marshal(manyNetworks(3))
	if err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(manyNetworks(3), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), FileName)
	for name, data := range map[string][]byte{"indented": indented, "half": compact[:len(compact)/2], "empty": nil, "no JSON": []byte(`{"networks":[{"name":"net-1",`)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		want, wantErr := Read(path)
		got, err := read(path, decoderFor("net-1"))
		if diff := cmp.Diff(want, got); diff != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %v, want %v (-want +got):\n%s", name, err, wantErr, diff)
		}
	}
}

// FuzzReduce holds that what is left out changes nothing of what is left.
func FuzzReduce(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		data, err := json.Marshal(manyNetworks(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "net-1")
		f.Add(data[:len(data)/2], "net-0")
	}
	f.Add([]byte(`{"networks":[{"name":"a",]}`), "a")
	f.Add([]byte(`{"a\\":"\\\"","networks":[{"name":"a","uplinks":[]},{"name":"b","uplinks":null}]}`), "b")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		reduced, found := reduce(data, name)
		if !found || !json.Valid(data) || !ValidName(name) {
			return
		}
		var whole, part File
		if json.Unmarshal(data, &whole) != nil {
			return
		}
		if err := json.Unmarshal(reduced, &part); err != nil {
			t.Fatalf("%s of %s: %v", reduced, data, err)
		}
		if whole.Node != part.Node || whole.BootID != part.BootID || whole.Version != part.Version {
			t.Errorf("%s of %s", reduced, data)
		}
	})
}

// BenchmarkReadFor is what one of 500 networks costs beside all, and beside one of one.
func BenchmarkReadFor(b *testing.B) {
	for _, n := range []int{1, 24, 500} {
		path := filepath.Join(b.TempDir(), FileName)
		if err := Write(path, manyNetworks(n)); err != nil {
			b.Fatal(err)
		}
		for how, decode := range map[string]decoder{"whole": decode, "one": decoderFor("net-0")} {
			b.Run(fmt.Sprint(how, n), func(b *testing.B) {
				for b.Loop() {
					if _, err := read(path, decode); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
