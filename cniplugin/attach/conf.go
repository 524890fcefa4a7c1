// SPDX-License-Identifier: Apache-2.0

// Package attach makes macvlan and ipvlan interfaces in containers: over a device by its
// ifindex, and as the CNI reference plugins of these names would. It knows neither networks
// nor records, runs no other program, and leaves what it does not understand to those plugins.
package attach

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
)

// The kinds of interfaces that the package makes, as the kernel and the plugins call them.
const (
	MACVLAN = "macvlan"
	IPVLAN  = "ipvlan"
)

// Keys that a configuration may have for the package to understand it. A plugin passes over
// keys that it does not know, and reads them in any spelling; so of one that is not here
// nobody can tell whether the plugin on the node would act by it.
var (
	bothKeys = []string{
		"cniVersion", "name", "type", "capabilities", "args", "ipam", "dns", "prevResult", "runtimeConfig", "cni.dev/valid-attachments",
		"master", "mode", "mtu",
	}
	kindKeys = map[string][]string{MACVLAN: {"mac", "bcqueuelen"}, IPVLAN: nil}
	// runtimeKeys are those below runtimeConfig. All but mac are for IPAM plugins, or for
	// others of the list.
	runtimeKeys = []string{"mac", "ips", "ipRanges", "dns", "portMappings", "bandwidth", "deviceID", "cgroupPath", "aliases"}
)

// A Mode of an interface, as the kernel has it.
type Mode uint32

// modes are those of each kind by their names in a configuration, from linux/if_link.h.
var modes = map[string]map[string]Mode{
	MACVLAN: {"": macvlanBridge, "private": 1, "vepa": 2, "bridge": macvlanBridge, "passthru": Passthru},
	IPVLAN:  {"": 0, "l2": 0, "l3": 1, "l3s": 2},
}

const (
	macvlanBridge Mode = 4 // MACVLAN_MODE_BRIDGE
	// Passthru is MACVLAN_MODE_PASSTHRU: a device has one such interface and no other.
	Passthru Mode = 8
)

// A Config is what a configuration says of the interface.
type Config struct {
	Kind string
	Mode Mode
	IPAM string // the IPAM plugin; empty for none
	DNS  types.DNS

	mtu    int // 0 for the device's
	mac    string
	macNow string // that the runtime gives; it goes before all others
	queue  uint32
}

// Read reads the configuration of a delegate. Where that is not understood to the last key
// it returns nil: the plugin of that name has to do what it says.
func Read(kind string, conf []byte) *Config {
	var keys, runtime map[string]json.RawMessage
	if modes[kind] == nil || json.Unmarshal(conf, &keys) != nil || !only(keys, bothKeys, kindKeys[kind]) {
		return nil
	}
	if raw, ok := keys["runtimeConfig"]; ok && (json.Unmarshal(raw, &runtime) != nil || !only(runtime, runtimeKeys)) {
		return nil
	}
	var c struct {
		types.PluginConf
		Mode          string               `json:"mode"`
		MTU           int                  `json:"mtu"`
		MAC           string               `json:"mac"`
		Queue         uint32               `json:"bcqueuelen"`
		RuntimeConfig struct{ MAC string } `json:"runtimeConfig"`
	}
	if json.Unmarshal(conf, &c) != nil {
		return nil
	}
	mode, known := modes[kind][c.Mode]
	if !known {
		return nil
	}
	read := &Config{Kind: kind, Mode: mode, IPAM: c.IPAM.Type, DNS: c.DNS, mtu: c.MTU}
	if kind == MACVLAN {
		read.mac, read.macNow, read.queue = c.MAC, c.RuntimeConfig.MAC, c.Queue
	}
	return read
}

// ModeOf is the mode of the interface that a delegate of that kind makes, as far as its
// configuration says so in any way.
func ModeOf(kind string, conf []byte) (Mode, bool) {
	var c struct{ Mode string }
	if modes[kind] == nil || json.Unmarshal(conf, &c) != nil {
		return 0, false
	}
	mode, known := modes[kind][c.Mode]
	return mode, known
}

// ModeName is what a configuration calls a mode.
func ModeName(kind string, mode Mode) string {
	for name, m := range modes[kind] {
		if m == mode && name != "" {
			return name
		}
	}
	return fmt.Sprint(uint32(mode))
}

// only reports whether each key is in one of the lists, in that spelling.
func only(keys map[string]json.RawMessage, lists ...[]string) bool {
	for key := range keys {
		if !slices.ContainsFunc(lists, func(list []string) bool { return slices.Contains(list, key) }) {
			return false
		}
	}
	return true
}

// A Spec is an interface that can be made.
type Spec struct {
	Kind string
	Mode Mode

	mtu   uint32
	mac   net.HardwareAddr
	queue uint32
}

// Spec is the interface over a device of that MTU for a container with these CNI_ARGS.
func (c *Config) Spec(args string, mtu int) (*Spec, error) {
	if c.mtu < 0 || c.Kind == MACVLAN && c.mtu > mtu {
		return nil, fmt.Errorf("\"mtu\" is %d, want at least 0 and at most the %d of the device", c.mtu, mtu)
	}
	s := &Spec{Kind: c.Kind, Mode: c.Mode, mtu: uint32(c.mtu), queue: c.queue}
	if c.Kind != MACVLAN {
		return s, nil
	}
	var given struct {
		types.CommonArgs
		MAC types.UnmarshallableString
	}
	if err := types.LoadArgs(args, &given); err != nil {
		return nil, fmt.Errorf("read CNI_ARGS: %w", err)
	}
	text := cmp.Or(c.macNow, string(given.MAC), c.mac)
	if text == "" {
		return s, nil
	}
	mac, err := net.ParseMAC(text)
	if err != nil {
		return nil, fmt.Errorf("read the MAC address for the interface: %w", err)
	}
	s.mac = mac
	return s, nil
}
