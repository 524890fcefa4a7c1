// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func sample() *File {
	since := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	eth1 := Link{Name: "eth1", Index: 4, MAC: "02:00:00:00:00:01"}
	return &File{
		Version: Version, Node: "node1", BootID: "b1", Written: since, Converged: true,
		Networks: []Network{
			{Name: "blue", Uplinks: []Uplink{{
				Identity: "mac:00:1b:21:aa:bb:cc vlan 200", Port: eth1, CarrierChanges: 2, VID: 200,
				Certainty: Fresh, Since: since, Reason: "no VLAN device", Neighbor: "leaf-1 Ethernet1",
			}}},
			{Name: "green", Uplinks: []Uplink{{
				Identity: "mac:00:1b:21:aa:bb:cc vlan 100", Device: eth1, Port: eth1, CarrierChanges: 2,
				Certainty: Stale, Usable: true, Since: since, Neighbor: "leaf-1 Ethernet1", Rule: "rules.yaml:3",
			}}},
		},
		KnownNames: []string{"blue", "green"}, KnownPatterns: []string{"rail-*"},
	}
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
	want := "write " + path + `: networks[1].attachments[0].certainty is "perhaps", want fresh, stale, unverified or down`
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
		{"null", "null", OtherVersion, "format version 0, want 1; install colvind, colvin and the CNI plugin of one release, then restart colvind"},
		{"version", edit(`"version":1`, `"version":2`), OtherVersion, "format version 2, want 1; install colvind, colvin and the CNI plugin of one release, then restart colvind"},
		{"type", edit(`"converged":true`, `"converged":"yes"`), Damaged, "damaged: json: cannot unmarshal string into Go struct field File.converged of type bool" + restart},
		{"node", edit(`"node":"node1"`, `"node":""`), Damaged, "damaged: node is empty" + restart},
		{"boot id", edit(`"bootID":"b1"`, `"bootID":""`), Damaged, "damaged: bootID is empty" + restart},
		{"name", edit(`"name":"green"`, `"name":""`), Damaged, "damaged: networks[1].name is empty" + restart},
		{"identity", edit(`"identity":"mac:00:1b:21:aa:bb:cc vlan 200"`, `"identity":""`), Damaged, "damaged: networks[0].attachments[0].identity is empty" + restart},
		{"certainty", edit(`"fresh"`, `"sure"`), Damaged, `damaged: networks[0].attachments[0].certainty is "sure", want fresh, stale, unverified or down` + restart},
		{"vid", edit(`"vid":200`, `"vid":4095`), Damaged, "damaged: networks[0].attachments[0].vid is 4095, want at most 4094" + restart},
		{"index", edit(`"index":4`, `"index":0`), Damaged, "damaged: networks[0].attachments[0].port.index is 0, want 1 or more" + restart},
		{"link name", edit(`"name":"eth1"`, `"name":""`), Damaged, "damaged: networks[0].attachments[0].port.name is empty" + restart},
		{"device mac", edit(`"device":{"name":"eth1","index":4,"mac":"02:00:00:00:00:01"}`, `"device":{"name":"eth1","index":4}`), Damaged, `damaged: networks[1].attachments[0].device.mac is "", want a MAC address` + restart},
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
	f.Add([]byte(`{"version":1,"networks":[{"attachments":[{}]}]}`))
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
