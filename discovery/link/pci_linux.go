// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// How the kernel names PCI functions and the auxiliary devices below them.
var (
	pciAddress    = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$`)
	auxiliaryName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}\.[0-9]{1,10}$`)
)

// FindPCI finds the PCI function with an address such as 0000:03:00.2, or the
// subfunction with a name such as mlx5_core.sf.4. The error is ErrNotFound where
// there is none.
func FindPCI(address string) (PCIDevice, error) {
	d, err := findPCI(sysfs, address)
	if err != nil {
		return PCIDevice{}, fmt.Errorf("find PCI device %q: %w", address, err)
	}
	return d, nil
}

// findPCI reads the sysfs that is mounted at root.
func findPCI(root, address string) (PCIDevice, error) {
	bus := "pci"
	switch {
	case auxiliaryName.MatchString(address):
		bus = busAuxiliary
	case !pciAddress.MatchString(address):
		return PCIDevice{}, errors.New("neither an address such as 0000:03:00.2 nor a name such as mlx5_core.sf.4")
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "bus", bus, "devices", address))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return PCIDevice{}, ErrNotFound
	case err != nil:
		return PCIDevice{}, err
	}
	d := PCIDevice{Names: uplinks(dir, ""), VF: bus == busAuxiliary}
	function := dir
	for !pciAddress.MatchString(filepath.Base(function)) {
		if function == filepath.Dir(function) {
			return PCIDevice{}, errors.New("no PCI function has it")
		}
		function = filepath.Dir(function)
	}
	physical := filepath.Join(function, "physfn")
	if _, err := os.Lstat(physical); err == nil {
		d.VF, function = true, physical
	}
	if d.VF {
		d.PF = uplinks(function, ownPort(dir, d.Names))
	}
	return d, nil
}

// ownPort returns the port of the only network device of a function.
func ownPort(function string, names []string) string {
	if len(names) != 1 {
		return ""
	}
	return attribute(filepath.Join(function, "net", names[0]), "dev_port")
}
