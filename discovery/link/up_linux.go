// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// SetUp sets a network device administratively up. The error is ErrNotFound where
// there is none with that ifindex.
func SetUp(index int) error {
	if err := setUp(index); err != nil {
		return fmt.Errorf("set network device %d up: %w", index, err)
	}
	return nil
}

// setUp sets attributes of a device with the same request.
func setUp(index int, attrs ...*nl.RtAttr) error {
	up := nl.NewIfInfomsg(unix.AF_UNSPEC)
	up.Index, up.Flags, up.Change = int32(index), unix.IFF_UP, unix.IFF_UP
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	req.AddData(up)
	for _, a := range attrs {
		req.AddData(a)
	}
	return execute(req)
}
