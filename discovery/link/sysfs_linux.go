// SPDX-License-Identifier: Apache-2.0

package link

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

const (
	sysfs        = "/sys"
	busAuxiliary = "auxiliary" // of subfunctions
)

// addSysfs completes what rtnetlink does not say: which devices are virtual
// functions, of which physical function, and, before Linux 5.14, the bus of the
// parent device. It reads the sysfs that is mounted at root.
func addSysfs(root string, ifi *discovery.Interface) {
	if ifi.Kind != "" || !ifi.Ethernet {
		return
	}
	dir := filepath.Join(root, "class/net", ifi.Name)
	device := filepath.Join(dir, "device")
	if ifi.Bus == "" {
		if bus, err := os.Readlink(filepath.Join(device, "subsystem")); err == nil {
			ifi.Bus = filepath.Base(bus)
		}
	}
	function := device // of a representor: it hangs on the physical function itself
	if _, err := os.Lstat(filepath.Join(device, "physfn")); err == nil {
		ifi.VF, function = true, filepath.Join(device, "physfn")
	} else if ifi.Bus == busAuxiliary {
		ifi.VF = true
		if path, err := filepath.EvalSymlinks(device); err == nil {
			function = filepath.Dir(path)
		}
	}
	if ifi.VF {
		ifi.PF = uplink(function, attribute(dir, "dev_port"))
	}
}

// uplink returns the ifindex of the network device of a physical function, and 0
// where it is in another namespace.
func uplink(function, port string) int {
	devices := uplinks(function, port)
	if len(devices) != 1 {
		return 0
	}
	index, err := strconv.Atoi(attribute(filepath.Join(function, "net", devices[0]), "ifindex"))
	if err != nil {
		return 0
	}
	return index
}

// uplinks returns the names of the network devices of a function, without its
// representors. A function with several ports has a device for each; then port
// decides, if it is known.
func uplinks(function, port string) []string {
	net := filepath.Join(function, "net")
	devices, err := os.ReadDir(net)
	if err != nil {
		return nil
	}
	var all, same []string
	for _, d := range devices {
		dir := filepath.Join(net, d.Name())
		if representor().MatchString(attribute(dir, "phys_port_name")) {
			continue
		}
		all = append(all, d.Name())
		if attribute(dir, "dev_port") == port {
			same = append(same, d.Name())
		}
	}
	if len(all) > 1 && port != "" {
		return same
	}
	return all
}

// attribute reads a file of sysfs; many devices do not answer for some.
func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
