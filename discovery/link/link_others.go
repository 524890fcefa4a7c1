// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package link

import (
	"errors"

	"github.com/colvin-net/colvin/discovery"
)

// errUnsupported is returned where there is no rtnetlink.
var errUnsupported = errors.New("network devices are read on Linux only")

// List is not supported on this operating system.
func List() ([]discovery.Interface, error) { return nil, errUnsupported }

// ByIndex is not supported on this operating system.
func ByIndex(int) (discovery.Interface, error) { return discovery.Interface{}, errUnsupported }

// InNetns is not supported on this operating system.
func InNetns(string, string) (discovery.Interface, error) {
	return discovery.Interface{}, errUnsupported
}

// ListIn is not supported on this operating system.
func ListIn(string) ([]discovery.Interface, error) { return nil, errUnsupported }

// RemoveAltNamesIn is not supported on this operating system.
func RemoveAltNamesIn(string, string, []string) error { return errUnsupported }

// MoveOut is not supported on this operating system.
func MoveOut(string, string, string) error { return errUnsupported }

// Restore is not supported on this operating system.
func Restore(int, string) error { return errUnsupported }

// AddVLAN is not supported on this operating system.
func AddVLAN(int, uint16, string, string) error { return errUnsupported }

// Delete is not supported on this operating system.
func Delete(int) error { return errUnsupported }

// UsageOf is not supported on this operating system.
func UsageOf(int) (Usage, error) { return Usage{}, errUnsupported }

// SetUp is not supported on this operating system.
func SetUp(int) error { return errUnsupported }

// FindPCI is not supported on this operating system.
func FindPCI(string) (PCIDevice, error) { return PCIDevice{}, errUnsupported }

// VFVLAN is not supported on this operating system.
func VFVLAN(int, int) (uint16, error) { return 0, errUnsupported }

// A Subscription is not supported on this operating system.
type Subscription struct{}

// Subscribe is not supported on this operating system.
func Subscribe() (*Subscription, error) { return nil, errUnsupported }

// List is not supported on this operating system.
func (*Subscription) List() ([]discovery.Interface, error) { return List() }

// Hints delivers nothing.
func (*Subscription) Hints() <-chan struct{} { return nil }

// SetAside does nothing.
func (*Subscription) SetAside(func(discovery.Interface) bool) {}

// Asides delivers nothing.
func (*Subscription) Asides() <-chan struct{} { return nil }

// Errors is zero.
func (*Subscription) Errors() uint64 { return 0 }

// Close does nothing.
func (*Subscription) Close() error { return nil }
