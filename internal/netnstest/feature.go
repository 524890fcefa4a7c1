// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"sync"
)

// RequireEnv names the environment variable that lists the features, separated
// by commas, without which a test fails instead of being skipped.
const RequireEnv = "COLVIN_REQUIRE"

// A Feature is something that tests need of the machine.
type Feature struct {
	name      string // that RequireEnv knows it by
	target    string // of make, which runs the tests that need it; empty where none does
	onRequest bool
	probe     func() error
}

// The make targets that run what others skip.
const (
	testVM   = "make test-vm"
	testWire = "make test-wire"
)

// Features of the machine.
var (
	// NetNS is the right to make namespaces.
	NetNS = NewFeature("netns", "", probeNetNS)
	// RealLLDPD is an lldpd that works in a namespace.
	RealLLDPD = NewFeature("lldpd", "", probeLLDPD)
	// LADVD is ladvd, another speaker of LLDP and CDP.
	LADVD = NewFeature("ladvd", testWire, probeCommand("ladvd"))
	// RealRadvd is radvd, a real router, as far as it advertises itself.
	RealRadvd = NewFeature("radvd", "", probeRadvd)
	// TShark is tshark, an independent decoder.
	TShark = NewFeature("tshark", testWire, probeCommand("tshark"))
	// Scapy is scapy for Python 3, an independent encoder.
	Scapy = NewFeature("scapy", testWire, probeScapy)

	// Kinds of network device, named as in the kernel's configuration.
	Bonding       = NewFeature("bonding", testVM, probeDevices(func(n *Namespace) error { return n.AddBond("probe0", "balance-rr") }))
	Dummy         = NewFeature("dummy", testVM, probeKind("dummy"))
	IPVLAN        = NewFeature("ipvlan", testVM, probeUpper(func(n *Namespace, on string) error { return n.AddUpper("ipvlan", "probe1", on) }))
	MACVLAN       = NewFeature("macvlan", "", probeUpper(func(n *Namespace, on string) error { return n.AddUpper("macvlan", "probe1", on) }))
	OpenVSwitch   = NewFeature("openvswitch", testVM, probeDevices(func(n *Namespace) error { return n.AddOpenVSwitch() }))
	Team          = NewFeature("team", testVM, probeKind("team"))
	VLAN          = NewFeature("8021q", testVM, probeUpper(func(n *Namespace, on string) error { return n.AddVLAN("probe1", on, 1) }))
	VLANFiltering = NewFeature("vlanfiltering", testVM, probeDevices(func(n *Namespace) error { return n.AddFilteringBridge("probe0") }))
	VRF           = NewFeature("vrf", testVM, probeKind("vrf"))
)

// NewFeature returns the feature that probe finds missing or, with nil, works. It
// is probed when a test first asks for it. The make target, if there is one, runs the
// tests that need it.
func NewFeature(name, target string, probe func() error) *Feature {
	return &Feature{name: name, target: target, probe: sync.OnceValue(probe)}
}

// OnRequest has the feature count as missing unless RequireEnv names it, for tests that
// take minutes: they run where somebody wants them, and not where what they need happens
// to be there.
func (f *Feature) OnRequest() *Feature {
	f.onRequest = true
	return f
}

// Missing says why the feature is missing and how to get it; nil where it works.
func (f *Feature) Missing() error {
	err := f.missing()
	switch {
	case err == nil:
		return nil
	case f.target == "":
		return fmt.Errorf("%s is missing: %w", f.name, err)
	}
	return fmt.Errorf("%s is missing: %w; %s runs the tests that need it", f.name, err, f.target)
}

func (f *Feature) missing() error {
	if f.onRequest && !f.required() {
		return fmt.Errorf("%s does not name it", RequireEnv)
	}
	return f.probe()
}

// required reports whether a test without the feature is to fail.
func (f *Feature) required() bool {
	return slices.Contains(strings.Split(os.Getenv(RequireEnv), ","), f.name)
}

func probeCommand(name string) func() error {
	return func() error {
		_, err := exec.LookPath(name)
		return err
	}
}

// ScapyPython is a Python interpreter that has scapy: the first in PATH, or the
// system's own, for which distributions package it.
var ScapyPython = sync.OnceValues(func() (string, error) {
	var failures []error
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if err := exec.Command(python, "-c", "import scapy.contrib.lldp").Run(); err != nil {
			failures = append(failures, fmt.Errorf("import scapy with %s: %w", python, err))
			continue
		}
		return python, nil
	}
	return "", errors.Join(failures...)
})

func probeScapy() error {
	_, err := ScapyPython()
	return err
}

func probeNetNS() error {
	ns, err := New(context.Background(), "probe")
	if err != nil {
		return fmt.Errorf("%w (run as root, or allow unprivileged user namespaces)", err)
	}
	return ns.Close()
}

func probeLLDPD() error {
	if err := NetNS.Missing(); err != nil {
		return err
	}
	if inUserNamespace() {
		return errors.New("lldpd gives up its privileges, which a user namespace does not allow (run as root)")
	}
	for _, program := range []string{"lldpd", "lldpcli"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (apt-get install lldpd)", err)
		}
	}
	if _, err := user.Lookup("_lldpd"); err != nil {
		return fmt.Errorf("%w (apt-get install lldpd)", err)
	}
	return nil
}
