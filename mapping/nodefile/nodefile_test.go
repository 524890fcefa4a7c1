// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/privatedir"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func sample() *File {
	since := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	eth1 := Link{Name: "eth1", Index: 4, MAC: "02:00:00:00:00:01"}
	return &File{
		Version: Version, Node: "node1", BootID: "b1", Written: since, Converged: true,
		Networks: []Network{
			{Name: "blue", Uplinks: []Uplink{{
				Identity: "mac:00:1b:21:aa:bb:cc vlan 200", VID: 200, Ports: []Port{{Link: eth1, CarrierChanges: 2, VID: 200}},
				Certainty: Fresh, Since: since, Reason: "no VLAN device", Neighbor: "leaf-1 Ethernet1",
			}}},
			{Name: "green", Uplinks: []Uplink{{
				Identity: "mac:00:1b:21:aa:bb:cc vlan 100", Device: eth1, Ports: []Port{{Link: eth1, CarrierChanges: 2}},
				Certainty: Stale, Usable: true, Until: 15 * time.Minute, Since: since, Neighbor: "leaf-1 Ethernet1", Rule: "rules.yaml:3",
			}}},
		},
		KnownNames: []string{"blue", "green"}, KnownPatterns: []string{"rail-*"},
	}
}

// everything has every key of the format.
func everything() *File {
	since := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	mac := func(i int) string { return fmt.Sprintf("02:00:00:00:00:%02x", i) }
	eth1, eth2 := Link{Name: "eth1", Index: 2, MAC: mac(2)}, Link{Name: "eth2", Index: 3, MAC: mac(3)}
	bond, vlan := Link{Name: "bond0", Index: 5, MAC: mac(2)}, Link{Name: "bond0.300", Index: 6, MAC: mac(2)}
	joins := []Junction{{Link: bond, Members: []int{2, 3}}}
	ports := func(vid uint16) []Port {
		return []Port{{Link: eth1, CarrierChanges: 2, VID: vid, Junctions: joins}, {Link: eth2, CarrierChanges: 4, VID: vid, Junctions: joins}}
	}
	const rule, neighbor = "/etc/colvin/rules.yaml:5", "leaf-1 mac:00:00:5e:00:53:01 port ifname:Ethernet1/7"
	return &File{
		Version: Version, Node: "node1", BootID: "5f0a3b1c-9d3e-4c57-8a6f-1f2e3d4c5b6a", Written: since, Pending: []string{"eth4"},
		Networks: []Network{
			{Name: "blue", Uplinks: []Uplink{{
				Identity: "three", Ports: []Port{{Link: Link{Name: "eth3", Index: 4, MAC: mac(4)}, CarrierChanges: 6}},
				Certainty: Unverified, Spans: true, Since: since, Reason: "the link was lost and no switch has been heard since",
				Neighbor: "leaf-3 mac:00:00:5e:00:53:03 port ifname:Ethernet1/1", Rule: "colour",
			}}},
			{Name: "green", Uplinks: []Uplink{{
				Identity: "one", OtherIdentities: []string{"two"}, Device: bond, Ports: ports(0), Trunk: true,
				Certainty: Fresh, Usable: true, Until: 15 * time.Minute, Since: since, Neighbor: neighbor, Rule: rule,
			}}},
			{Name: "storage", Uplinks: []Uplink{{
				Identity: "one", OtherIdentities: []string{"two"}, Device: vlan, Parent: bond, VID: 300, Ports: ports(300),
				Certainty: Stale, Usable: true, Until: 15 * time.Minute, Since: since, Neighbor: neighbor, Rule: rule,
			}}},
			{Name: "vms", Uplinks: []Uplink{{
				Identity: "pin:" + mac(7), Device: Link{Name: "eth5", Index: 7, MAC: mac(7)}, Ports: []Port{{Link: Link{Name: "eth5", Index: 7, MAC: mac(7)}, CarrierChanges: 2}},
				Certainty: Pinned, Usable: true, Until: 15 * time.Minute, Since: since, Reason: "pinned: no switch speaks there, so nobody on the wire confirms it", Neighbor: "nobody", Rule: rule,
			}}},
		},
		KnownNames: []string{"blue", "green", "storage", "vms"}, KnownPatterns: []string{"rail-*"},
		Moved:        []Moved{{Key: Key{Name: "net", ContainerID: "c1", IfName: "net1"}, Identity: "three", Neighbor: neighbor, Since: since}},
		Isolation:    IsolationStrict,
		RulesProblem: `rules.yaml:3:5: unknown key "nmae"`,
	}
}

const otherRelease = "install colvind, colvin and the CNI plugin of one release, then restart colvind"

// What this version writes does not change without the number, and what an earlier one
// wrote is refused as that.
func TestVersions(t *testing.T) {
	const v4 = "testdata/networks.v4.json"
	want := everything()
	path := filepath.Join(t.TempDir(), FileName)
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, v4, string(written))
	got, err := Read(v4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read %s (-want +got):\n%s", v4, diff)
	}
	checkReadError(t, "testdata/networks.v1.json", OtherVersion, "format version 1, want 4; "+otherRelease)
	checkReadError(t, "testdata/networks.v2.json", OtherVersion, "format version 2, want 4; "+otherRelease)
	checkReadError(t, "testdata/networks.v3.json", OtherVersion, "format version 3, want 4; "+otherRelease)
}

func TestWriteRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path+".tmp", []byte("left by a killed writer"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := sample()
	for range 2 { // the second replaces the first
		if err := Write(path, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("directory has %v, want only %s", entries, FileName)
	}
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o644 {
		t.Errorf("mode %v (%v), want 0644", st.Mode(), err)
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := sample()
	bad.Networks[1].Uplinks[0].Certainty = "perhaps"
	path := filepath.Join(dir, FileName)
	err := Write(path, bad)
	want := "write " + path + `: networks[1].uplinks[0].certainty is "perhaps", want fresh, stale, pinned, unverified or down`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := Write(filepath.Join(dir, "missing", FileName), sample()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("write into a missing directory: %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	good, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, replacement string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("sample has no %s", old)
		}
		return strings.ReplaceAll(string(good), old, replacement)
	}
	restart := "; restart colvind: it writes this file anew when it starts"
	for _, tt := range []struct {
		name, content string
		problem       Problem
		want          string
	}{
		{"empty", "", Damaged, "damaged: unexpected end of JSON input" + restart},
		{"truncated", string(good[:len(good)/2]), Damaged, "damaged: unexpected end of JSON input" + restart},
		{"trailing", string(good) + "{}", Damaged, "damaged: invalid character '{' after top-level value" + restart},
		{"garbage", "\x00\xff", Damaged, `damaged: invalid character '\x00' looking for beginning of value` + restart},
		{"huge", strings.Repeat(" ", MaxSize+1), Damaged, "damaged: it is larger than 33554432 bytes" + restart},
		{"null", "null", OtherVersion, "format version 0, want 4; " + otherRelease},
		{"no version", `{"node":"n"}`, OtherVersion, "format version 0, want 4; " + otherRelease},
		{"version", edit(`"version":4`, `"version":5`), OtherVersion, "format version 5, want 4; " + otherRelease},
		{"version last", `{"networks":[{"uplinks":7}],"version":5}`, OtherVersion, "format version 5, want 4; " + otherRelease},
		{"version of what does not decode", edit(`"version":4,"node":"node1"`, `"version":5,"node":["node1"]`), OtherVersion, "format version 5, want 4; " + otherRelease},
		{"version of what is cut", `{"version":1,"networks":[{`, OtherVersion, "format version 1, want 4; " + otherRelease},
		{"two versions", edit(`"version":4`, `"version":4,"version":5`), OtherVersion, "format version 5, want 4; " + otherRelease},
		{"version no number", edit(`"version":4`, `"version":"4"`), Damaged, "damaged: json: cannot unmarshal string into Go struct field File.version of type int" + restart},
		{"list", "[]", Damaged, "damaged: json: cannot unmarshal array into Go value of type nodefile.File" + restart},
		{"cut before the version", `{"node":"n`, Damaged, "damaged: unexpected end of JSON input" + restart},
		{"type", edit(`"converged":true`, `"converged":"yes"`), Damaged, "damaged: json: cannot unmarshal string into Go struct field File.converged of type bool" + restart},
		{"node", edit(`"node":"node1"`, `"node":""`), Damaged, "damaged: node is empty" + restart},
		{"boot id", edit(`"bootID":"b1"`, `"bootID":""`), Damaged, "damaged: bootID is empty" + restart},
		{"name", edit(`"name":"green"`, `"name":""`), Damaged, "damaged: networks[1].name is empty" + restart},
		{"identity", edit(`"identity":"mac:00:1b:21:aa:bb:cc vlan 200"`, `"identity":""`), Damaged, "damaged: networks[0].uplinks[0].identity is empty" + restart},
		{"certainty", edit(`"fresh"`, `"sure"`), Damaged, `damaged: networks[0].uplinks[0].certainty is "sure", want fresh, stale, pinned, unverified or down` + restart},
		{"vid", edit(`"vid":200`, `"vid":4095`), Damaged, "damaged: networks[0].uplinks[0].ports[0].vid is 4095, want at most 4094" + restart},
		{"vids", edit(`"carrierChanges":2,"vid":200`, `"carrierChanges":2,"vid":201`), Damaged, "damaged: networks[0].uplinks[0].vid is 200, but ports[0].vid is 201" + restart},
		{"no deadline", edit(`"until":900000000000,`, ""), Damaged, "damaged: networks[1].uplinks[0].until is missing, want a time for what is usable" + restart},
		{"isolation", edit(`"converged":true`, `"converged":true,"isolation":"strikt"`), Damaged, `damaged: isolation is "strikt", want off or strict` + restart},
		{"no ports", edit(`"ports":[{"name":"eth1","index":4,"mac":"02:00:00:00:00:01","carrierChanges":2}]`, `"ports":[]`), Damaged, "damaged: networks[1].uplinks[0].ports is empty, want at least one" + restart},
		{
			"second port", edit(`"carrierChanges":2}]`, `"carrierChanges":2},{"name":"eth2","index":5,"mac":"x"}]`), Damaged,
			`damaged: networks[1].uplinks[0].ports[1].mac is "x", want a MAC address` + restart,
		},
		{"index", edit(`"index":4`, `"index":0`), Damaged, "damaged: networks[0].uplinks[0].ports[0].index is 0, want 1 or more" + restart},
		{"link name", edit(`"name":"eth1"`, `"name":""`), Damaged, "damaged: networks[0].uplinks[0].ports[0].name is empty" + restart},
		{"device mac", edit(`"device":{"name":"eth1","index":4,"mac":"02:00:00:00:00:01"}`, `"device":{"name":"eth1","index":4}`), Damaged, `damaged: networks[1].uplinks[0].device.mac is "", want a MAC address` + restart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			if err := os.WriteFile(path, []byte(tt.content), 0o644); err != nil {
				t.Fatal(err)
			}
			checkReadError(t, path, tt.problem, tt.want)
		})
	}
}

// TestReadTrusted holds whose file is acted by.
func TestReadTrusted(t *testing.T) {
	advice := `; set "runDirectory" in colvind.yaml, and COLVIN_RUN_DIRECTORY in the environment of the container runtime, to a directory that only root or the user of colvind can write, such as /run/colvin`
	for _, tt := range []struct {
		name    string
		prepare func(dir string) error
		problem Problem
		want    string
	}{
		{"root's, or the caller's", func(string) error { return nil }, 0, ""},
		{"the agent's", func(dir string) error { return os.Lchown(dir, 4711, -1) }, 0, ""},
		{"own in what everybody shares", func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777|fs.ModeSticky) }, 0, ""},
		{"another's in what everybody shares", func(dir string) error {
			return errors.Join(os.Chmod(filepath.Dir(dir), 0o777|fs.ModeSticky), os.Lchown(dir, 4711, -1))
		}, Exposed, "DIR/run is owned by user 4711" + advice},
		{"everybody's", func(dir string) error { return os.Chmod(dir, 0o777) }, Exposed, "DIR/run can be written by others (mode drwxrwxrwx)" + advice},
		{"nobody's", os.RemoveAll, Missing, "no such file; " + Missing.advice()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(privatedir.New(t), "run")
			path := filepath.Join(dir, FileName)
			if err := errors.Join(os.Mkdir(dir, 0o755), Write(path, sample())); err != nil {
				t.Fatal(err)
			}
			if err := tt.prepare(dir); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
				t.Skip("needs the right to give a directory to another user: ", err)
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := ReadTrusted(path)
			if tt.problem == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := "read DIR/run/networks.json: " + tt.want
			if re, ok := errors.AsType[*ReadError](err); !ok || re.Problem != tt.problem || strings.ReplaceAll(re.Error(), filepath.Dir(dir), "DIR") != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func checkReadError(t *testing.T, path string, problem Problem, want string) {
	t.Helper()
	_, err := Read(path)
	re, ok := errors.AsType[*ReadError](err)
	if !ok {
		t.Fatalf("got %v, want a ReadError", err)
	}
	if re.Problem != problem || re.Path != path {
		t.Errorf("problem %d of %s, want %d of %s", re.Problem, re.Path, problem, path)
	}
	if diff := cmp.Diff("read "+path+": "+want, err.Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestReadNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	restart := "; restart colvind: it writes this file anew when it starts"
	checkReadError(t, filepath.Join(dir, "missing"), Missing,
		"no such file; check that colvind runs on this node: it writes this file when it starts")
	checkReadError(t, dir, Damaged, "damaged: it is not a regular file"+restart)

	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	checkReadError(t, fifo, Damaged, "damaged: it is not a regular file"+restart)

	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	checkReadError(t, link, Damaged, "damaged: it is a symbolic link"+restart)
}

func TestLookup(t *testing.T) {
	f := sample()
	if diff := cmp.Diff(f.Networks[1].Uplinks, f.Lookup("green")); diff != "" {
		t.Errorf("look up green (-want +got):\n%s", diff)
	}
	if got := f.Lookup("red"); got != nil {
		t.Errorf("look up red: %+v, want nothing", got)
	}
}

func FuzzRead(f *testing.F) {
	good, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		data, err := os.ReadFile("testdata/networks." + v + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"version":4,"networks":[{"uplinks":[{"ports":[{}]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _, err := decode(data)
		if err != nil {
			return
		}
		first, err := json.Marshal(file)
		if err != nil {
			t.Fatalf("encode what was read: %v", err)
		}
		again, _, err := decode(first)
		if err != nil {
			t.Fatalf("read what was written: %v", err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("round trip (%v):\n%s\n%s", err, first, second)
		}
	})
}

func TestKnows(t *testing.T) {
	f := &File{KnownNames: []string{"green"}, KnownPatterns: []string{"rail-*", "["}}
	for name, want := range map[string]bool{"green": true, "rail-7": true, "rail": false, "blue": false, "": false, "[": false} {
		if f.Knows(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestSameBeside holds that uplinks which differ in anything but their deadlines are not the
// same, and that copies are, which share nothing.
func TestSameBeside(t *testing.T) {
	whole := func() *Uplink {
		u := everything().Networks[2].Uplinks[0]
		u.Spans, u.Trunk, u.Reason = true, true, "so"
		return &u
	}
	if a, b := whole(), whole(); !a.SameBeside(b) {
		t.Fatalf("%+v is not the same as %+v", a, b)
	}
	checked := 0
	var change func(v reflect.Value, look func())
	change = func(v reflect.Value, look func()) {
		switch was := reflect.New(v.Type()).Elem(); v.Kind() {
		case reflect.Struct:
			if _, ok := reflect.TypeAssert[time.Time](v); ok {
				was.Set(v)
				v.Set(reflect.ValueOf(time.Unix(7, 0)))
				look()
				v.Set(was)
				break
			}
			for _, value := range v.Fields() {
				change(value, look)
			}
		case reflect.Slice:
			was.Set(v)
			v.Set(v.Slice(0, v.Len()-1))
			look()
			v.Set(was)
			change(v.Index(v.Len()-1), look)
		default:
			was.Set(v)
			v.SetZero()
			look()
			v.Set(was)
		}
	}
	changed, other := whole(), whole()
	for f, value := range reflect.ValueOf(changed).Elem().Fields() {
		change(value, func() {
			checked++
			if same := changed.SameBeside(other); same != (f.Name == "Until") {
				t.Errorf("%s: the same %t: %+v", f.Name, same, changed)
			}
		})
	}
	if checked < 30 {
		t.Errorf("only %d changes were made", checked)
	}
}
