// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bootid

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Instance returns the boot, and what is another after a reboot, and in a network namespace
// that was made again under the same name: an ifindex and a count of carrier changes mean
// something in one instance only.
func Instance() (boot, instance string, err error) {
	boot, err = Read()
	if err != nil {
		return "", "", err
	}
	netns, err := namespace()
	if err != nil {
		return "", "", fmt.Errorf("tell which network namespace this is: %w", err)
	}
	return boot, boot + " " + netns, nil
}

// namespace is the cookie of the network namespace, which is never given twice; before
// Linux 5.14 its inode, which may be.
func namespace() (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err == nil {
		return fmt.Sprintf("netns cookie %d", cookie), nil
	}
	if !errors.Is(err, unix.ENOPROTOOPT) {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return "", err
	}
	return fmt.Sprintf("netns inode %d", st.Ino), nil
}
