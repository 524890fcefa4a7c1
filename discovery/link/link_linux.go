// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"slices"

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
		addSysfs(sysfs, &ifi)
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

// ByIndex reads one network device of the calling thread's network namespace,
// without what only sysfs tells (VF, PF). The error is ErrNotFound where there
// is none with that ifindex.
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
