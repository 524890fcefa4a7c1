// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// How the kernel names PCI functions and the auxiliary devices below them.
var (
	pciAddress    = late(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$`)
	auxiliaryName = late(`^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}\.[0-9]{1,10}$`)
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
	case auxiliaryName().MatchString(address):
		bus = busAuxiliary
	case !pciAddress().MatchString(address):
		return PCIDevice{}, errors.New("neither an address such as 0000:03:00.2 nor a name such as mlx5_core.sf.4")
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "bus", bus, "devices", address))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return PCIDevice{}, ErrNotFound
	case err != nil:
		return PCIDevice{}, err
	}
	d := PCIDevice{Names: namesOf(dir, ""), VF: bus == busAuxiliary, Number: -1}
	function := dir
	for !pciAddress().MatchString(filepath.Base(function)) {
		if function == filepath.Dir(function) {
			return PCIDevice{}, errors.New("no PCI function has it")
		}
		function = filepath.Dir(function)
	}
	physical := filepath.Join(function, "physfn")
	if _, err := os.Lstat(physical); err == nil {
		d.VF, d.Number, function = true, numberOf(function, physical), physical
	}
	if d.VF {
		d.PF = namesOf(function, ownPort(dir, d.Names))
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

// namesOf returns the names of the network devices of a function, as uplinks does.
// That of a virtio NIC hangs on the virtio device below the function.
func namesOf(function, port string) []string {
	names := uplinks(function, port)
	for _, below := range entries(function, "virtio") {
		names = append(names, uplinks(below, port)...)
	}
	return names
}

// numberOf returns the number of a virtual function at its physical function, and -1
// where sysfs does not tell.
func numberOf(function, physical string) int {
	for _, link := range entries(physical, "virtfn") {
		target, err := os.Readlink(link)
		if err != nil || filepath.Base(target) != filepath.Base(function) {
			continue
		}
		number := strings.TrimPrefix(filepath.Base(link), "virtfn")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil {
			return int(n)
		}
	}
	return -1
}

// entries returns the paths of what is in a directory and has a name that begins so.
func entries(dir, prefix string) (paths []string) {
	all, err := os.ReadDir(dir)
	if err != nil { // gone meanwhile
		return nil
	}
	for _, e := range all {
		if strings.HasPrefix(e.Name(), prefix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// late compiles an expression when it is first needed: a plugin that is started for each
// container mostly needs none.
func late(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
