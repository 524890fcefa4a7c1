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
	out, _, err := listAll()
	return out, err
}

// listAll is List, with the kinds of the masters of those that have one, by ifindex.
func listAll() (out []discovery.Interface, masters map[int]discovery.Kind, err error) {
	msgs, err := dump()
	if err != nil {
		return nil, nil, fmt.Errorf("list network devices: %w", err)
	}
	out, masters = make([]discovery.Interface, 0, len(msgs)), map[int]discovery.Kind{}
	for _, m := range msgs {
		ifi, master, err := parseMember(m)
		if err != nil {
			return nil, nil, fmt.Errorf("list network devices: %w", err)
		}
		if master != "" {
			masters[ifi.Index] = master
		}
		addSysfs(sysfs, &ifi)
		out = append(out, ifi)
	}
	slices.SortFunc(out, func(a, b discovery.Interface) int { return a.Index - b.Index })
	return out, masters, nil
}

func dump() ([][]byte, error) {
	return whole(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	})
}

// whole repeats an interrupted dump: a list that changed half-way is no truth.
func whole[T any](dump func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		list, err := dump()
		if again := errors.Is(err, unix.EINTR) || errors.Is(err, nl.ErrDumpInterrupted); !again || try == dumpTries {
			return list, err
		}
	}
}

// ByIndex reads one network device of the calling thread's network namespace,
// without what only sysfs tells (VF, PF). The error is ErrNotFound where there
// is none with that ifindex.
func ByIndex(index int) (discovery.Interface, error) {
	ifi, err := single(index)
	if err != nil {
		return discovery.Interface{}, fmt.Errorf("read network device %d: %w", index, err)
	}
	return ifi, nil
}

// single reads the network device with that ifindex, or with the given attributes.
func single(index int, which ...*nl.RtAttr) (discovery.Interface, error) {
	msg, err := ask(index, which...)
	if err != nil {
		return discovery.Interface{}, err
	}
	return parse(msg)
}

// ask returns what the kernel answers to a request for one network device.
func ask(index int, which ...*nl.RtAttr) ([]byte, error) {
	req := linkRequest(unix.RTM_GETLINK, index, unix.NLM_F_ACK, which...)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
	switch {
	case errors.Is(err, unix.ENODEV):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	case len(msgs) != 1:
		return nil, fmt.Errorf("%d answers, want 1", len(msgs))
	}
	return msgs[0], nil
}

// linkRequest is a message about the network device with that ifindex.
func linkRequest(kind, index, flags int, attrs ...*nl.RtAttr) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index = int32(index)
	req.AddData(info)
	for _, a := range attrs {
		req.AddData(a)
	}
	return req
}
