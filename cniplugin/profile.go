// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/internal/fit"
)

// A use is what a delegate does with the device.
type use int

const (
	// over: it makes an interface over the device, and the device stays.
	over use = iota
	// bridged: it makes an interface that the device, a bridge, joins with others.
	bridged
	// tagged: it makes a VLAN interface, for which it gets the VLAN ID and the device
	// that carries the tag.
	tagged
	// taken: it moves the device itself into the container.
	taken
	// function: it moves a virtual function of the port, chosen by a device plugin.
	function
)

// profile is what the plugin knows about the delegates of one type.
type profile struct {
	use       use
	deviceKey string // where it expects the device
	vidKey    string // where it expects the VLAN ID, if it tags
	// ours are keys that would lead to another device or VLAN than the network's.
	ours []string
	// modes are the values of the key "mode", where it has one; the first is the default.
	modes []string
	mtu   bool // it reads the key "mtu"
	// needsIPAM is set where it fails without an IPAM plugin, in DEL, too.
	needsIPAM bool
	no        string // why it is refused
	// choosable is set where a device plugin may choose the device.
	choosable bool
}

var profiles = map[string]profile{
	"macvlan":     {deviceKey: "master", ours: []string{"linkInContainer"}, modes: []string{"bridge", "private", "vepa", "passthru"}, mtu: true},
	"ipvlan":      {deviceKey: "master", ours: []string{"linkInContainer"}, modes: []string{"l2", "l3", "l3s"}, mtu: true},
	"bridge":      {use: bridged, deviceKey: "bridge", ours: []string{"vlan", "vlanTrunk"}, mtu: true},
	"vlan":        {use: tagged, deviceKey: "master", vidKey: "vlanId", ours: []string{"linkInContainer"}, needsIPAM: true, mtu: true},
	"host-device": {use: taken, deviceKey: "device", ours: []string{"hwaddr", "kernelpath"}, choosable: true},
	"sriov":       {use: function, deviceKey: "deviceID", vidKey: "vlan", ours: []string{"vlanProto"}, choosable: true},
	"ib-sriov":    {no: "InfiniBand has no LLDP, so nothing tells where its ports lead"},
}

// vlanKeys are the keys in which some delegates take a VLAN. The others pass over them, so
// that who sets one believes that a tag is added which is not.
var vlanKeys = []string{"vlan", "vlanId", "vlanID", "vid", "vlanTrunk"}

// pciKeys hold the device that a device plugin chose; Multus sets both.
var pciKeys = []string{"deviceID", "pciBusID"}

// runtimeKeys belong to the runtime and the network: a delegate object does not
// replace them.
var runtimeKeys = []string{"cniVersion", "name", runtimeConfigKey, "args", prevResultKey, validAttachmentsKey}

const (
	runtimeConfigKey    = "runtimeConfig"
	prevResultKey       = "prevResult"
	validAttachmentsKey = "cni.dev/valid-attachments"
)

// readDelegate reads the delegate object and merges it over what is left.
func (p *parser) readDelegate(c *conf) {
	var given object
	p.take("delegate", &given)
	if given == nil {
		given = object{"type": json.RawMessage(`"macvlan"`)}
		if _, ok := p.rest["mode"]; !ok {
			given["mode"] = json.RawMessage(`"bridge"`)
		}
	}
	inner := &parser{rest: given}
	inner.get("type", &c.delegateType)
	var exec bool
	inner.take("exec", &exec)
	for _, m := range inner.mistakes {
		p.bad("delegate: %s", m)
	}
	c.profile = p.profileOf(c.delegateType)

	c.base = p.rest
	for key, value := range given {
		if _, ok := c.base[key]; !ok || !slices.Contains(runtimeKeys, key) {
			c.base[key] = value
		}
	}
	p.readChoice(c)
	p.checkKnown(c)
	for _, key := range slices.Sorted(maps.Keys(c.base)) {
		p.checkKey(c, key)
	}
	if conf, err := json.Marshal(c.base); err == nil && !exec {
		c.itself = attach.Read(c.delegateType, conf)
	}
}

// profileOf is the profile of a type of delegate: the table's, or for one that is not
// there what the configuration says of it.
func (p *parser) profileOf(delegateType string) profile {
	var own, deviceKey string
	p.get("type", &own)
	p.take("deviceKey", &deviceKey)
	known, isKnown := profiles[delegateType]
	switch {
	case delegateType == "":
		p.bad(`delegate: "type" is missing: the plugin to delegate to, such as macvlan`)
	case delegateType == "colvin" || delegateType == own:
		p.bad("delegate: %q cannot delegate to itself", delegateType)
	case strings.ContainsRune(delegateType, filepath.Separator):
		p.bad(`delegate: "type" is %q, want the name of a plugin without a path`, delegateType)
	case known.no != "":
		p.bad("delegate: %q cannot be used: %s", delegateType, known.no)
	case isKnown && deviceKey != "" && deviceKey != known.deviceKey:
		p.bad(`"deviceKey" is %q, but %s takes the device as %q; remove "deviceKey"`, deviceKey, delegateType, known.deviceKey)
	case !isKnown && deviceKey == "":
		hint := ""
		if s := fit.Suggest(delegateType, slices.Sorted(maps.Keys(profiles))); s != "" {
			hint = "; " + s
		}
		p.bad(`delegate: %q is no plugin that Colvin knows, so "deviceKey" is missing: the key in which it expects the device%s`, delegateType, hint)
	case deviceKey == "type" || deviceKey == "ipam" || slices.Contains(runtimeKeys, deviceKey):
		p.bad(`"deviceKey" is %q, which has another meaning`, deviceKey)
	}
	if !isKnown {
		return profile{deviceKey: deviceKey, choosable: true}
	}
	return known
}

// readChoice reads which device a device plugin has chosen. Delegates that make their
// interface in software have none to choose: what Multus adds for them is removed.
func (p *parser) readChoice(c *conf) {
	var values []string
	note := func(o object, where string) {
		for _, key := range slices.Sorted(maps.Keys(o)) {
			if !slices.ContainsFunc(pciKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
				continue
			}
			var value string
			if json.Unmarshal(o[key], &value) != nil {
				p.bad("%q is not a string", where+key)
			} else if value != "" && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	if !c.profile.choosable {
		maps.DeleteFunc(c.base, func(key string, _ json.RawMessage) bool {
			return slices.ContainsFunc(pciKeys, func(k string) bool { return strings.EqualFold(k, key) })
		})
		return
	}
	note(c.base, "")
	var runtime object
	if json.Unmarshal(c.base[runtimeConfigKey], &runtime) == nil {
		note(runtime, runtimeConfigKey+".")
	}
	if len(values) > 1 {
		p.bad("the device is chosen more than once: %s", strings.Join(values, ", "))
	}
	if len(values) > 0 {
		c.chosen = values[0]
	}
}

// checkKey refuses what would make the delegate use another device or VLAN. Plugins
// in Go read keys without regard to case, so the check does too.
func (p *parser) checkKey(c *conf, key string) {
	is := func(k string) bool { return k != "" && strings.EqualFold(key, k) }
	fixed := append([]string{"type", "ipam"}, runtimeKeys...)
	if c.profile.use == function {
		fixed = append(fixed, c.profile.deviceKey)
	}
	if i := slices.IndexFunc(fixed, is); i >= 0 { // read here, so it must be what the delegate reads
		if key != fixed[i] {
			p.bad("%q is spelt %q", key, fixed[i])
		}
		return
	}
	_, known := profiles[c.delegateType]
	switch {
	case is(c.profile.deviceKey):
		p.bad(`%q is set, but the device comes from "network"; remove it`, key)
	case is(c.profile.vidKey):
		p.bad(`%q is set, but the VLAN comes from "network"; remove it`, key)
	case slices.ContainsFunc(c.profile.ours, is) && isSet(c.base[key]):
		p.bad("%q is set, and would attach the container to something else than the network; remove it", key)
	case known && slices.ContainsFunc(vlanKeys, is) && isSet(c.base[key]):
		p.refuse(`%q is set, and %s passes over it: the VLAN comes from "network"; remove it`, key, c.delegateType)
	}
}

// checkKnown finds what a delegate of the table would refuse after it made an interface,
// and again when that is to be undone.
func (p *parser) checkKnown(c *conf) {
	var ipam object
	p.get("ipam", &ipam)
	if c.profile.needsIPAM && c.ipamType() == "" {
		p.refuse(`"ipam" is missing: %s does nothing without one; give it {"type": "static", "addresses": [...]} or another`, c.delegateType)
	}
	for _, key := range slices.Sorted(maps.Keys(c.base)) {
		switch {
		case len(c.profile.modes) > 0 && strings.EqualFold(key, "mode"):
			var mode string
			if json.Unmarshal(c.base[key], &mode) != nil || mode != "" && !slices.Contains(c.profile.modes, mode) {
				p.refuse("%q is %s, want %s", key, c.base[key], strings.Join(c.profile.modes, ", "))
			}
		case profiles[c.delegateType].mtu && strings.EqualFold(key, "mtu"):
			var mtu *int32
			if json.Unmarshal(c.base[key], &mtu) != nil || mtu != nil && *mtu < 0 {
				p.refuse("%q is %s, want a number of octets, at least 0", key, c.base[key])
			}
		}
	}
}

// isSet reports whether a value is more than the absence of one.
func isSet(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return true
	}
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	default:
		return true
	}
}

// configure is the delegate's configuration for a device, and for a VLAN that the
// delegate is to tag.
func (c *conf) configure(device string, vid uint16) (json.RawMessage, error) {
	out := make(map[string]any, len(c.base)+2)
	for key, value := range c.base {
		out[key] = value
	}
	key, value := c.profile.deviceKey, device
	switch {
	case c.profile.use == function:
		value = c.chosen
	case c.profile.use == taken && c.chosen != "":
		key, value = "pciBusID", c.chosen
	}
	out[key] = value
	// A virtual function keeps the VLAN that somebody gave it, unless told otherwise.
	if c.profile.vidKey != "" && (vid != 0 || c.profile.use == function) {
		out[c.profile.vidKey] = vid
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return raw, nil
}
