// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// The namespaces the plugin runs in: the node's.
const (
	ownNetns = "/proc/self/ns/net"
	ownMount = "/proc/self/ns/mnt"
)

// findNetns identifies the container's namespace and refuses the node's own.
func findNetns(args *skel.CmdArgs) (record.Netns, error) {
	theirs, err := inode(args.Netns)
	if err != nil {
		return record.Netns{}, err
	}
	own, err := inode(ownNetns)
	if err != nil {
		return record.Netns{}, err
	}
	override := args.NetnsOverride == "1" || strings.EqualFold(args.NetnsOverride, "true")
	if theirs == own && !override {
		return record.Netns{}, errors.New("the container's network namespace is the node's own; containers with the host network need no attachment")
	}
	mount, err := inode(ownMount)
	if err != nil {
		return record.Netns{}, err
	}
	return record.Netns{Path: args.Netns, Inode: theirs, Mount: mount}, nil
}

// requireSame makes sure that a namespace is still the one at that path: its container can
// have ended meanwhile, and another's have come there.
func requireSame(netns record.Netns, now uint64, err error) error {
	if err == nil && now != netns.Inode {
		err = fmt.Errorf("%s leads to another network namespace than when this began", netns.Path)
	}
	if err != nil {
		return fail(types.ErrInvalidNetNS, "%v", err)
	}
	return nil
}

func inode(path string) (uint64, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("find namespace %s: %w", path, err)
	}
	return st.Ino, nil
}
