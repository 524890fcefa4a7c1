// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/privatedir"
)

// buildPlugin builds the CNI plugin, as nothing else is removed.
func buildPlugin(t *testing.T, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/colvin-net/colvin/cmd/colvin-cni")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// attachAs records an attachment of this boot, but for what change makes of it.
func attachAs(t *testing.T, dir, container, pod string, change func(*record.Record)) {
	t.Helper()
	boot, err := bootid.Read()
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	r := &record.Record{
		Key: record.Key{Name: "green", ContainerID: container, IfName: "net1"}, Phase: record.Added, BootID: boot,
		Network: "green", DelegateType: "none", DelegateConf: []byte("{}"),
	}
	if pod != "" {
		r.Pod = record.Pod{Namespace: "default", Name: pod}
	}
	change(r)
	s, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Lock(t.Context(), r.Key)
	if err == nil {
		err = errors.Join(l.Write(r), l.Unlock())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestUninstallCNI holds what is said, in the order in which an operator comes to read it.
func TestUninstallCNI(t *testing.T) {
	dir := privatedir.New(t)
	bin, records := filepath.Join(dir, "bin"), filepath.Join(dir, "attachments")
	plugin := filepath.Join(bin, "colvin")
	colvin := func(args ...string) string {
		return run(t, dir, append([]string{"uninstall-cni", "--cni-path", bin + ":" + filepath.Join(dir, "more"), "--record-directory", records, "--wait", "0s"}, args...)...)
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-none", colvin())
	expect(t, "uninstall-none-json", colvin("-o", "json"))

	if err := os.WriteFile(plugin, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := colvin(); !strings.HasPrefix(got, "error: RUN/bin/colvin is not Colvin's CNI plugin, so it stays: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("another's: %s", got)
	}
	built := filepath.Join(dir, "colvin-cni")
	buildPlugin(t, built)
	if err := errors.Join(os.Remove(plugin), os.Link(built, plugin)); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-dry-run", colvin("--dry-run"))

	attachAs(t, records, strings.Repeat("1a", 32), "web-0", func(*record.Record) {})
	expect(t, "uninstall-needed-one", colvin())
	attachAs(t, records, strings.Repeat("2b", 32), "", func(*record.Record) {})
	attachAs(t, records, strings.Repeat("3c", 32), "web-\x1b[2J1", func(r *record.Record) { r.BootID = "boot-0" })
	attachAs(t, records, strings.Repeat("4d", 32), "web-2", func(r *record.Record) { r.Unwanted = time.Now() })
	attachAs(t, records, strings.Repeat("5e", 32), "web-3", func(r *record.Record) { r.Phase, r.Failed = record.Adding, "no" })
	if err := os.WriteFile(filepath.Join(records, "0123.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-needed", colvin())
	expect(t, "uninstall-needed-dry-run", colvin("--dry-run"))
	expect(t, "uninstall-needed-json", colvin("-o", "json"))
	if err := os.Rename(plugin, plugin+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-gone-too-early", colvin())

	if err := errors.Join(os.RemoveAll(records), os.Mkdir(records, 0o750)); err != nil {
		t.Fatal(err)
	}
	attachAs(t, records, "damaged", "", func(*record.Record) {})
	entries, err := os.ReadDir(records)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if err := errors.Join(os.Rename(filepath.Join(records, entries[0].Name()), filepath.Join(records, "0123.json")), os.Symlink("colvin-elsewhere", plugin)); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-unreadable", colvin())
	if err := os.Remove(filepath.Join(records, "0123.json")); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-link", colvin())
	if err := os.Rename(plugin+"-elsewhere", plugin); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall-json", colvin("-o", "json"))
	if err := os.Link(built, plugin); err != nil {
		t.Fatal(err)
	}
	expect(t, "uninstall", colvin())
	expect(t, "uninstall-help", run(t, dir, "uninstall-cni", "--help"))
	if left, err := os.ReadDir(bin); err != nil || len(left) != 0 {
		t.Errorf("left in the CNI directory: %v, %v", left, err)
	}
}
