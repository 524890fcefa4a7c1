// SPDX-License-Identifier: Apache-2.0

package link

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// sysfsTree writes a sysfs of PCI functions: files by path, and symbolic links
// for values that begin with "->".
func sysfsTree(t *testing.T, entries map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range entries {
		path = filepath.Join(root, path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && len(content) > 2 && content[:2] == "->" {
			err = os.Symlink(filepath.Join(root, content[2:]), path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAddSysfs(t *testing.T) {
	tree := map[string]string{
		"class/net/pf/device":    "->devices/0000:01:00.0",
		"class/net/rep/device":   "->devices/0000:01:00.0",
		"class/net/sf/device":    "->devices/0000:01:00.0/driver.sf.1",
		"class/net/vf/device":    "->devices/0000:01:00.2",
		"class/net/away/device":  "->devices/0000:02:00.2",
		"class/net/two/device":   "->devices/0000:03:00.2",
		"class/net/two/dev_port": "1",

		"devices/0000:01:00.0/subsystem":              "->bus/pci",
		"devices/0000:01:00.0/net/rep/ifindex":        "3",
		"devices/0000:01:00.0/net/rep/phys_port_name": "pf0vf0",
		"devices/0000:01:00.0/net/pf/ifindex":         "2",
		"devices/0000:01:00.0/net/pf/phys_port_name":  "p0",
		"devices/0000:01:00.0/driver.sf.1/subsystem":  "->bus/auxiliary",
		"devices/0000:01:00.2/subsystem":              "->bus/pci",
		"devices/0000:01:00.2/physfn":                 "->devices/0000:01:00.0",
		"devices/0000:02:00.2/subsystem":              "->bus/pci",
		"devices/0000:02:00.2/physfn":                 "->devices/0000:02:00.0",
		"devices/0000:03:00.2/subsystem":              "->bus/pci",
		"devices/0000:03:00.2/physfn":                 "->devices/0000:03:00.0",
		"devices/0000:03:00.0/net/left/ifindex":       "8",
		"devices/0000:03:00.0/net/left/dev_port":      "0",
		"devices/0000:03:00.0/net/right/ifindex":      "9",
		"devices/0000:03:00.0/net/right/dev_port":     "1",
	}
	root := sysfsTree(t, tree)
	for _, tt := range []struct {
		name string
		in   discovery.Interface // name and Ethernet aside
		want discovery.Interface
	}{
		{"pf", discovery.Interface{}, discovery.Interface{Bus: "pci"}},
		{"vf", discovery.Interface{Bus: "pci"}, discovery.Interface{Bus: "pci", VF: true, PF: 2}},
		{"sf", discovery.Interface{}, discovery.Interface{Bus: "auxiliary", VF: true, PF: 2}},
		{"rep", discovery.Interface{VF: true}, discovery.Interface{Bus: "pci", VF: true, PF: 2}},
		{"away", discovery.Interface{}, discovery.Interface{Bus: "pci", VF: true}},
		{"two", discovery.Interface{}, discovery.Interface{Bus: "pci", VF: true, PF: 9}},
		{"gone", discovery.Interface{}, discovery.Interface{}},
		{"vf", discovery.Interface{Kind: "macvlan"}, discovery.Interface{Kind: "macvlan"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Name, tt.want.Name = tt.name, tt.name
			tt.in.Ethernet, tt.want.Ethernet = true, true
			addSysfs(root, &tt.in)
			if diff := cmp.Diff(tt.want, tt.in); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
