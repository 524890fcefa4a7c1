// SPDX-License-Identifier: Apache-2.0

package nic

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kernel reads facts through the kernel's ethtool interface, in the network
// namespace of the calling thread. That needs no privilege. A library is not
// used for it: the one there is (safchain/ethtool v0.7.0) hands the kernel
// pointers that the Go runtime may have moved.
type Kernel struct{}

// Facts asks the driver of a device. A device whose driver tells nothing, or has
// no private flags, is no error.
func (Kernel) Facts(ifname string) (f Facts, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Facts{}, fmt.Errorf("open a socket to ask the driver of %s: %w", ifname, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, ifname)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return Facts{}, nil
	}
	if err != nil {
		return Facts{}, fmt.Errorf("ask the driver of %s: %w", ifname, err)
	}
	f = Facts{Address: text(info.Bus_info[:]), Driver: text(info.Driver[:]), Firmware: text(info.Fw_version[:])}
	if f.Flags, err = privateFlags(fd, ifname, info.N_priv_flags); err != nil {
		return Facts{}, fmt.Errorf("read private flags of %s: %w", ifname, err)
	}
	return f, nil
}

const (
	setPrivateFlags = 2  // ETH_SS_PRIV_FLAGS
	stringLen       = 32 // ETH_GSTRING_LEN
	valueBits       = 32 // the values of the flags are the bits of one number
	// maxNames is how many names there is room for: the kernel writes as many as
	// the driver has, whatever was asked for.
	maxNames = 1024
)

// privateFlags reads the n private flags of a driver.
func privateFlags(fd int, ifname string, n uint32) (map[string]bool, error) {
	if n == 0 {
		return nil, nil
	}
	names, err := readNames(fd, ifname, setPrivateFlags, n)
	if err != nil {
		return nil, err
	}
	values := struct{ command, bits uint32 }{command: unix.ETHTOOL_GPFLAGS} // struct ethtool_value
	if err := ask(fd, ifname, unsafe.Pointer(&values)); err != nil {
		return nil, err
	}
	flags := map[string]bool{}
	for i, name := range names[:min(n, valueBits)] {
		if name != "" {
			flags[name] = values.bits&(1<<i) != 0
		}
	}
	return flags, nil
}

// readNames reads a set of n names.
func readNames(fd int, ifname string, set, n uint32) ([]string, error) {
	if n > maxNames {
		return nil, fmt.Errorf("the driver has %d names, at most %d are expected", n, maxNames)
	}
	told := struct { // struct ethtool_gstrings
		command, set, n uint32
		data            [maxNames][stringLen]byte
	}{command: unix.ETHTOOL_GSTRINGS, set: set, n: n}
	if err := ask(fd, ifname, unsafe.Pointer(&told)); err != nil {
		return nil, err
	}
	names := make([]string, n)
	for i := range names {
		names[i] = text(told.data[i][:])
	}
	return names, nil
}

// ask has a device answer an ethtool command, which begins with its number, in
// place.
func ask(fd int, ifname string, command unsafe.Pointer) error {
	request := struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [unsafe.Sizeof(unix.Ifreq{}) - unix.IFNAMSIZ - unsafe.Sizeof(uintptr(0))]byte
	}{data: command}
	copy(request.name[:len(request.name)-1], ifname)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return errno
	}
	return nil
}

// text is what stands before the first NUL.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
