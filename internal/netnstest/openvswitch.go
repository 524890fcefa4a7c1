// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Generic netlink of Open vSwitch, from linux/openvswitch.h.
const (
	ovsCommandNew = 1 // OVS_DP_CMD_NEW, OVS_VPORT_CMD_NEW

	ovsDatapathVersion   = 2
	ovsDatapathName      = 1 // OVS_DP_ATTR_NAME
	ovsDatapathUpcallPID = 2 // OVS_DP_ATTR_UPCALL_PID

	ovsPortVersion   = 1
	ovsPortType      = 2 // OVS_VPORT_ATTR_TYPE
	ovsPortName      = 3 // OVS_VPORT_ATTR_NAME
	ovsPortUpcallPID = 5 // OVS_VPORT_ATTR_UPCALL_PID
	ovsPortDevice    = 1 // OVS_VPORT_TYPE_NETDEV
)

// OpenVSwitchName is the device that is the master of the ports of Open vSwitch.
const OpenVSwitchName = "ovs-system"

// AddOpenVSwitch gives devices to Open vSwitch, as its daemon would. No daemon
// runs, so that no frame is forwarded.
func (n *Namespace) AddOpenVSwitch(ports ...string) error {
	if err := n.Do(addDatapath); err != nil {
		return fmt.Errorf("add Open vSwitch to %s: %w", n.name, err)
	}
	datapath, err := n.link(OpenVSwitchName)
	if err != nil {
		return err
	}
	for _, port := range ports {
		if err := n.Do(func() error { return addPort(datapath.Attrs().Index, port) }); err != nil {
			return fmt.Errorf("give %s of %s to Open vSwitch: %w", port, n.name, err)
		}
	}
	return nil
}

func addDatapath() error {
	return ovs("ovs_datapath", ovsDatapathVersion, 0,
		nl.NewRtAttr(ovsDatapathName, nl.ZeroTerminated(OpenVSwitchName)),
		nl.NewRtAttr(ovsDatapathUpcallPID, nl.Uint32Attr(0)))
}

func addPort(datapath int, device string) error {
	return ovs("ovs_vport", ovsPortVersion, datapath,
		nl.NewRtAttr(ovsPortType, nl.Uint32Attr(ovsPortDevice)),
		nl.NewRtAttr(ovsPortName, nl.ZeroTerminated(device)),
		nl.NewRtAttr(ovsPortUpcallPID, nl.Uint32Attr(0)))
}

// ovs makes something of a generic netlink family of Open vSwitch, in the calling
// thread's network namespace.
func ovs(family string, version uint8, datapath int, attrs ...*nl.RtAttr) error {
	f, err := netlink.GenlFamilyGet(family)
	if err != nil {
		return fmt.Errorf("find generic netlink family %s: %w", family, err)
	}
	req := nl.NewNetlinkRequest(int(f.ID), unix.NLM_F_ACK)
	req.AddData(&nl.Genlmsg{Command: ovsCommandNew, Version: version})
	// A struct ovs_header and attributes.
	body := binary.NativeEndian.AppendUint32(nil, uint32(datapath))
	for _, a := range attrs {
		body = append(body, a.Serialize()...)
	}
	req.AddRawData(body)
	_, err = req.Execute(unix.NETLINK_GENERIC, 0)
	return err
}
