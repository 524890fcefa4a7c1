// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// dumpTries bounds how often a dump that the kernel marked as interrupted is
// repeated before the error is returned.
const dumpTries = 10

// List dumps the network devices of the calling thread's network namespace,
// ordered by ifindex.
func List() ([]discovery.Interface, error) {
	msgs, err := dump()
	if err != nil {
		return nil, fmt.Errorf("list network devices: %w", err)
	}
	out := make([]discovery.Interface, 0, len(msgs))
	for _, m := range msgs {
		ifi, err := parse(m)
		if err != nil {
			return nil, fmt.Errorf("list network devices: %w", err)
		}
		addSysfs(&ifi)
		out = append(out, ifi)
	}
	slices.SortFunc(out, func(a, b discovery.Interface) int { return a.Index - b.Index })
	return out, nil
}

// dump repeats an interrupted dump: a list that changed half-way is no truth.
func dump() ([][]byte, error) {
	for try := 1; ; try++ {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
		if again := errors.Is(err, unix.EINTR) || errors.Is(err, nl.ErrDumpInterrupted); !again || try == dumpTries {
			return msgs, err
		}
	}
}

// ByIndex reads one network device of the calling thread's network namespace.
// The error is ErrNotFound where there is none with that ifindex.
func ByIndex(index int) (discovery.Interface, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index = int32(index)
	req.AddData(info)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
	switch {
	case errors.Is(err, unix.ENODEV):
		return discovery.Interface{}, fmt.Errorf("read network device %d: %w", index, ErrNotFound)
	case err != nil:
		return discovery.Interface{}, fmt.Errorf("read network device %d: %w", index, err)
	case len(msgs) != 1:
		return discovery.Interface{}, fmt.Errorf("read network device %d: %d answers, want 1", index, len(msgs))
	}
	return parse(msgs[0])
}

// parse reads one RTM_NEWLINK message. The netlink library knows nearly everything,
// but not the two carrier attributes, which the whole design rests on.
func parse(msg []byte) (discovery.Interface, error) {
	l, err := netlink.LinkDeserialize(nil, msg)
	if err != nil {
		return discovery.Interface{}, fmt.Errorf("parse link message: %w", err)
	}
	a := l.Attrs()
	ifi := discovery.Interface{
		Index:    a.Index,
		Name:     a.Name,
		AltNames: a.AltNames,
		MTU:      a.MTU,
		Kind:     kind(l),
		Bus:      a.ParentDevBus,
		Up:       a.RawFlags&unix.IFF_UP != 0,
		Master:   a.MasterIndex,
	}
	if a.EncapType == "ether" && len(a.HardwareAddr) == len(ifi.MAC) {
		ifi.Ethernet = true
		ifi.MAC = discovery.MAC(a.HardwareAddr)
	}
	if a.NetNsID == -1 { // else the lower device is in another namespace
		ifi.Parent = a.ParentIndex
	}
	if v, ok := l.(*netlink.Vlan); ok && v.VlanProtocol != netlink.VLAN_PROTOCOL_8021AD {
		ifi.VLAN = uint16(v.VlanId)
	}
	return ifi, addAttributes(&ifi, msg)
}

// representor matches the physical port name of a port that stands for a
// virtual function or subfunction on the host. What a pod sends arrives there, so
// a pod could pose as a switch.
var representor = regexp.MustCompile(`^(c\d+)?pf\d+(vf|sf)\d+`)

// busAuxiliary is the bus of subfunctions.
const busAuxiliary = "auxiliary"

// kind is IFLA_INFO_KIND; the library calls a link without one "device".
func kind(l netlink.Link) string {
	if k := l.Type(); k != "device" {
		return k
	}
	return ""
}

// addAttributes reads what the library leaves out.
func addAttributes(ifi *discovery.Interface, msg []byte) error {
	attrs, err := nl.ParseRouteAttr(msg[unix.SizeofIfInfomsg:])
	if err != nil {
		return fmt.Errorf("parse attributes of %s: %w", ifi.Name, err)
	}
	counted := false
	for _, a := range attrs {
		switch {
		case a.Attr.Type == unix.IFLA_CARRIER && len(a.Value) >= 1:
			ifi.Carrier = a.Value[0] != 0
		case a.Attr.Type == unix.IFLA_PHYS_PORT_NAME:
			ifi.VF = ifi.VF || representor.Match(a.Value)
		case a.Attr.Type == unix.IFLA_CARRIER_CHANGES && len(a.Value) >= 4:
			ifi.CarrierChanges = nl.NativeEndian().Uint32(a.Value)
			counted = true
		}
	}
	if !counted { // without the count nobody can tell whether a cable moved
		return fmt.Errorf("read carrier changes of %s: the kernel tells none (Linux 3.15 or later does)", ifi.Name)
	}
	return nil
}

// addSysfs completes what rtnetlink does not say: which devices are SR-IOV
// virtual functions and, before Linux 5.14, the bus of the parent device.
func addSysfs(ifi *discovery.Interface) {
	if ifi.Kind != "" || !ifi.Ethernet {
		return
	}
	device := filepath.Join("/sys/class/net", ifi.Name, "device")
	if ifi.Bus == "" {
		if bus, err := os.Readlink(filepath.Join(device, "subsystem")); err == nil {
			ifi.Bus = filepath.Base(bus)
		}
	}
	if _, err := os.Lstat(filepath.Join(device, "physfn")); err == nil || ifi.Bus == busAuxiliary {
		ifi.VF = true
	}
}
