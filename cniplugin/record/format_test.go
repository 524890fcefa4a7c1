// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/golden"
)

// recorded is what the files of all versions hold.
func recorded() *Record {
	eth1 := Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:01"}
	return &Record{
		Key: Key{Name: "conf", ContainerID: "c1", IfName: "net1"}, Phase: Added, Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		BootID: "boot-1", Netns: Netns{Path: "/var/run/netns/c1", Inode: 4026532000, Mount: 4026531841},
		Args: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0", Path: "/opt/cni/bin", Pod: Pod{Namespace: "default", Name: "web-0", UID: "u-1"},
		Network: "green", Identity: "mac:00:00:5e:00:53:01 vlan 100",
		OtherIdentities: []string{"mac:00:00:5e:00:53:02 vlan 100", "group:dc vlan 100"},
		Device:          eth1, Port: eth1, CarrierChanges: 2, DelegateType: "macvlan",
		DelegateConf: []byte(`{"cniVersion":"1.1.0","master":"eth1","mode":"bridge","name":"conf","type":"macvlan"}`),
		Result:       []byte(`{"cniVersion":"1.1.0","interfaces":[{"name":"net1"}]}`),
	}
}

// TestFormats holds that what each version wrote is read, and what is written now stays
// as it is: containers outlive the plugin that attached them.
func TestFormats(t *testing.T) {
	s, _ := open(t)
	want := recorded()
	path := filepath.Join(s.Dir(), idOf(want.Key)+recordSuffix)
	l, err := s.Lock(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Unlock() })
	if err := l.Write(want); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/record.v1.json", string(written))
	for _, version := range []string{"record.v0.json", "record.v1.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", version))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := l.Read()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", version, err, diff)
		}
	}
}

// TestLaterFormat holds that a record of a later version is not taken for damaged, also
// where the rest of it looks different.
func TestLaterFormat(t *testing.T) {
	s, _ := open(t)
	l, err := s.Lock(t.Context(), recorded().Key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Unlock() })
	path := filepath.Join(s.Dir(), idOf(recorded().Key)+recordSuffix)
	if err := os.WriteFile(path, []byte(`{"version":2,"phase":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "read " + path + ": format version 2, want 1 at most: a later version of Colvin wrote it; install that one again"
	if _, err := l.Read(); !errors.Is(err, ErrLater) || errors.Is(err, ErrDamaged) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
