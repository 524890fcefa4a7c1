// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pciTree has a NIC with a virtual function, one whose function is given to a
// program, a subfunction and a representor (01), a NIC with two ports (03), and
// virtio NICs (04).
var pciTree = map[string]string{
	"bus/pci/devices/0000:01:00.0":             "->devices/0000:01:00.0",
	"bus/pci/devices/0000:01:00.2":             "->devices/0000:01:00.2",
	"bus/pci/devices/0000:01:00.3":             "->devices/0000:01:00.3",
	"bus/pci/devices/0000:03:00.2":             "->devices/0000:03:00.2",
	"bus/pci/devices/0000:03:00.3":             "->devices/0000:03:00.3",
	"bus/pci/devices/0000:04:00.0":             "->devices/0000:04:00.0",
	"bus/pci/devices/0000:04:00.2":             "->devices/0000:04:00.2",
	"bus/auxiliary/devices/mlx5_core.sf.4":     "->devices/0000:01:00.0/mlx5_core.sf.4",
	"bus/auxiliary/devices/mlx5_core.eth.4":    "->devices/0000:01:00.0/mlx5_core.sf.4/mlx5_core.eth.4",
	"bus/auxiliary/devices/mlx5_core.eth.5":    "->devices/0000:01:00.2/mlx5_core.eth.5",
	"bus/auxiliary/devices/soundwire.master.0": "->devices/soundwire.master.0",

	"devices/0000:01:00.0/net/eth0/phys_port_name":                      "p0",
	"devices/0000:01:00.0/net/eth0_1/phys_port_name":                    "pf0vf0",
	"devices/0000:01:00.0/mlx5_core.sf.4/net/eth0s4/dev_port":           "0",
	"devices/0000:01:00.0/mlx5_core.sf.4/mlx5_core.eth.4/uevent":        "",
	"devices/0000:01:00.0/virtfn1":                                      "->devices/0000:01:00.3",
	"devices/0000:01:00.0/virtfn12":                                     "->devices/0000:01:00.2",
	"devices/0000:01:00.2/mlx5_core.eth.5/uevent":                       "",
	"devices/0000:01:00.2/physfn":                                       "->devices/0000:01:00.0",
	"devices/0000:01:00.2/net/eth0v0/dev_port":                          "0",
	"devices/0000:01:00.3/physfn":                                       "->devices/0000:01:00.0",
	"devices/0000:03:00.0/net/left/dev_port":                            "0",
	"devices/0000:03:00.0/net/right/dev_port":                           "1",
	"devices/0000:03:00.0/virtfn0":                                      "->devices/0000:03:00.2",
	"devices/0000:03:00.0/virtfn1/uevent":                               "",
	"devices/0000:03:00.0/virtfn-2":                                     "->devices/0000:03:00.3",
	"devices/0000:03:00.0/virtfn70000":                                  "->devices/0000:03:00.3",
	"devices/0000:03:00.0/virtfn_msix_count":                            "->devices/0000:03:00.3",
	"devices/0000:03:00.2/physfn":                                       "->devices/0000:03:00.0",
	"devices/0000:03:00.2/net/eth3v0/dev_port":                          "1",
	"devices/0000:03:00.3/physfn":                                       "->devices/0000:03:00.0",
	"devices/0000:04:00.0/virtio1/net/eth4/dev_port":                    "0",
	"devices/0000:04:00.0/virtfn0":                                      "->devices/0000:04:00.2",
	"devices/0000:04:00.2/physfn":                                       "->devices/0000:04:00.0",
	"devices/0000:04:00.2/virtio2/net/eth4v0/dev_port":                  "0",
	"devices/soundwire.master.0/uevent":                                 "",
	"bus/pci/devices/..0000:01:00.0/net/hostile/ifindex":                "7",
	"bus/auxiliary/devices/mlx5_core.sf.4.hostile/net/hostile/dev_port": "0",
}

func TestFindPCI(t *testing.T) {
	root := sysfsTree(t, pciTree)
	for address, want := range map[string]PCIDevice{
		"0000:01:00.0":    {Names: []string{"eth0"}, Number: -1},
		"0000:01:00.2":    {Names: []string{"eth0v0"}, VF: true, PF: []string{"eth0"}, Number: 12},
		"0000:01:00.3":    {VF: true, PF: []string{"eth0"}, Number: 1},
		"0000:03:00.2":    {Names: []string{"eth3v0"}, VF: true, PF: []string{"right"}, Number: 0},
		"0000:03:00.3":    {VF: true, PF: []string{"left", "right"}, Number: -1},
		"0000:04:00.0":    {Names: []string{"eth4"}, Number: -1},
		"0000:04:00.2":    {Names: []string{"eth4v0"}, VF: true, PF: []string{"eth4"}, Number: 0},
		"mlx5_core.sf.4":  {Names: []string{"eth0s4"}, VF: true, PF: []string{"eth0"}, Number: -1},
		"mlx5_core.eth.4": {VF: true, PF: []string{"eth0"}, Number: -1},
		"mlx5_core.eth.5": {VF: true, PF: []string{"eth0"}, Number: 12}, // of a virtual function
	} {
		got, err := findPCI(root, address)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, (-want +got):\n%s", address, err, diff)
		}
	}
}

func TestFindPCIWrong(t *testing.T) {
	root := sysfsTree(t, pciTree)
	for address, found := range map[string]bool{
		"0000:01:00.7":            false,
		"mlx5_core.sf.5":          false,
		"":                        true,
		".":                       true,
		"../..":                   true,
		"0000:01:00.0/physfn":     true,
		"../devices/0000:01:00.0": true,
		"..0000:01:00.0":          true,
		"0000:01:00.0\n":          true,
		"0000:01:00.0\x00":        true,
		"01:00.0":                 true,
		"0000:01:20.0":            true,
		"0000:01:00.8":            true,
		"0000:0G:00.0":            true,
		"mlx5_core.sf.4.hostile":  true,
		"mlx5_core/../x.sf.4":     true,
		"soundwire.master.0":      true,
	} {
		got, err := findPCI(root, address)
		if err == nil || errors.Is(err, ErrNotFound) == found {
			t.Errorf("%q: %+v, %v", address, got, err)
		}
	}
}
