// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/privatedir"
)

// left makes a record of an earlier boot.
func left(t *testing.T) string {
	t.Helper()
	return leftBy(t, "an earlier one", record.Netns{})
}

// leftBy makes a record of a boot.
func leftBy(t *testing.T, boot string, netns record.Netns) string {
	t.Helper()
	dir := filepath.Join(privatedir.New(t), "attachments")
	s, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &record.Record{
		Key:   record.Key{Name: "green", ContainerID: strings.Repeat("3f2c9b", 10), IfName: "net1"},
		Phase: record.Added, BootID: boot, Netns: netns, Network: "green", Pod: record.Pod{Namespace: "default", Name: "web\x1b[2J-0"},
		DelegateType: "none", DelegateConf: []byte("{}"),
	}
	l, err := s.Lock(t.Context(), r.Key)
	if err == nil {
		err = errors.Join(l.Write(r), l.Unlock())
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGC(t *testing.T) {
	dir, records := t.TempDir(), left(t)
	expect(t, "gc-dry-run", run(t, dir, "gc", "--dry-run", "--record-directory", records))
	expect(t, "gc-dry-run-json", run(t, dir, "gc", "--dry-run", "--record-directory", records, "-o", "json"))
	expect(t, "gc-nothing", run(t, dir, "gc", "--dry-run", "--record-directory", privatedir.New(t)))
	boot, err := bootid.Read()
	if err != nil {
		t.Fatal(err)
	}
	// As in a container, where other mounts are seen, and not all processes.
	elsewhere := leftBy(t, boot, record.Netns{Path: "/proc/self/none", Mount: 1})
	expect(t, "gc-doubtful", run(t, dir, "gc", "--dry-run", "--record-directory", elsewhere))
	if list, err := record.List(records); err != nil || len(list.Records) != 1 {
		t.Errorf("%+v, %v after looking only", list, err)
	}
}
