// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// A claim is what somebody typed: an interface of some nodes leads to a network.
type claim struct {
	place     string
	by        string   // the definition
	namespace string   // of a definition; empty for what is of the whole cluster
	names     []string // as it is called: the longest first, the last is taken
	on        scope
	at        target
	vid       uint16 // the tag; 0 for none
}

// A target is the device that a claim names, in one way.
type target struct {
	name, mac, pci string
	bridge         bool // the device is a bridge, whose port is meant
}

// String is the device as the claim names it.
func (t target) String() string { return cmp.Or(t.name, t.mac, t.pci) }

// The kinds that are read.
const (
	kindDefinition = "NetworkAttachmentDefinition"
	kindMap        = "InterfaceMap"

	nodeSelectorKey = "k8s.v1.cni.cncf.io/nodeSelector"
)

// A cniConf is the part of a CNI configuration that tells what it attaches to. The keys
// are those of the reference plugins.
type cniConf struct {
	Type string `json:"type"`

	Master          string `json:"master"`          // macvlan, ipvlan, vlan
	LinkInContainer bool   `json:"linkInContainer"` // macvlan, ipvlan, vlan
	VLANID          *int   `json:"vlanId"`          // vlan

	Device     string `json:"device"`     // host-device
	HWAddr     string `json:"hwaddr"`     // host-device
	KernelPath string `json:"kernelpath"` // host-device
	PCIBusID   string `json:"pciBusID"`   // host-device
	DeviceID   string `json:"deviceID"`   // host-device, from a device plugin

	Bridge    string            `json:"bridge"`    // bridge
	VLAN      int               `json:"vlan"`      // bridge
	VLANTrunk []json.RawMessage `json:"vlanTrunk"` // bridge
}

// definition reads a NetworkAttachmentDefinition.
func (c *content) definition(o *object) (claim, bool) {
	fail := func(format string, args ...any) (claim, bool) {
		c.unread(o.place, "%s: %s", o, fmt.Sprintf(format, args...))
		return claim{}, false
	}
	var spec struct {
		Spec struct {
			Config string `json:"config"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(o.raw, &spec); err != nil {
		return fail("%v", unfit(err))
	}
	if strings.TrimSpace(spec.Spec.Config) == "" {
		return fail("it has no spec.config, so the configuration is a file on each node: give its interface in a table of node, interface, network")
	}
	conf, err := parseConf([]byte(spec.Spec.Config))
	if err != nil {
		return fail("spec.config: %v", err)
	}
	switch conf.Type {
	case "colvin":
		c.findings = append(c.findings, Finding{Told, o.place, fmt.Sprintf("%s is Colvin's already", o)})
		return claim{}, false
	case "surveyor":
		c.findings = append(c.findings, Finding{Note, o.place, fmt.Sprintf("%s names no interface: the InterfaceMaps do", o)})
		return claim{}, false
	}
	at, vid, why := conf.target()
	if why != "" {
		return fail("%s", why)
	}
	out := claim{place: o.place, by: o.String(), namespace: cmp.Or(o.Metadata.Namespace, "default"), names: []string{o.name(), o.Metadata.Name}, at: at, vid: vid}
	if text, ok := o.Metadata.Annotations[nodeSelectorKey]; ok {
		s, err := parseSelector(text)
		if err != nil {
			return fail("annotation %s: %v", nodeSelectorKey, err)
		}
		out.on = scope{s}
	}
	return out, true
}

// attaching are the plugins whose configurations are read.
var attaching = []string{"macvlan", "ipvlan", "vlan", "host-device", "bridge", "cnv-bridge"}

// parseConf reads a configuration, or the first of a list: those behind it change what it
// made. What the keys of others mean is not known.
func parseConf(text []byte) (*cniConf, error) {
	var what struct {
		Type    string            `json:"type"`
		Plugins []json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(text, &what); err != nil {
		return nil, fmt.Errorf("it is no CNI configuration: %w", unfit(err))
	}
	if len(what.Plugins) > 0 {
		text, what.Plugins = what.Plugins[0], nil
		what.Type = ""
		if err := json.Unmarshal(text, &what); err != nil {
			return nil, fmt.Errorf("plugins[0] is no CNI configuration: %w", unfit(err))
		}
	}
	out := &cniConf{Type: what.Type}
	if !slices.Contains(attaching, what.Type) {
		return out, nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, unfit(err)
	}
	return out, nil
}

// unfit is the error that JSON is of another type than was read, for people.
func unfit(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	var belongs string
	switch kind := wrong.Type.Kind(); kind {
	case reflect.Struct, reflect.Map:
		belongs = "an object"
	case reflect.Slice:
		belongs = "a list"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint16:
		belongs = "a whole number"
	case reflect.Bool:
		belongs = "true or false"
	default:
		belongs = "a " + kind.String()
	}
	if wrong.Field == "" {
		return fmt.Errorf("there is a JSON %s where %s belongs", wrong.Value, belongs)
	}
	return fmt.Errorf("%s is a JSON %s where %s belongs", wrong.Field, wrong.Value, belongs)
}

// target is what a configuration attaches to, or why that is no interface of the node.
func (c *cniConf) target() (at target, vid uint16, why string) {
	switch c.Type {
	case "macvlan", "ipvlan", "vlan":
		switch {
		case c.LinkInContainer:
			return at, 0, "its master is in the container (linkInContainer)"
		case c.Master == "":
			return at, 0, `it has no "master", so the plugin takes the interface of the default route, which no file tells`
		}
		at.name = c.Master
		if c.Type != "vlan" {
			return at, 0, ""
		}
		if c.VLANID == nil {
			return at, 0, `it has no "vlanId"`
		}
		vid, why = vlanID("vlanId", *c.VLANID)
		return at, vid, why
	case "host-device":
		return c.hostDevice()
	case "bridge", "cnv-bridge":
		if len(c.VLANTrunk) > 0 {
			return at, 0, `it gives the container several VLANs ("vlanTrunk"), which is no network of its own`
		}
		if c.VLAN != 0 {
			vid, why = vlanID("vlan", c.VLAN)
		}
		return target{name: cmp.Or(c.Bridge, "cni0"), bridge: true}, vid, why
	case "":
		return at, 0, `spec.config has no "type"`
	case "sriov", "ib-sriov", "accelerated-bridge":
		return at, 0, fmt.Sprintf("a device plugin chooses the interface of %s, so the definition names none: give the physical function in a table of node, interface, network", c.Type)
	default:
		return at, 0, fmt.Sprintf("nothing tells which interface of the node the plugin %s attaches to: read are macvlan, ipvlan, vlan, host-device and bridge", yamlfile.Quote(c.Type))
	}
}

func (c *cniConf) hostDevice() (at target, vid uint16, why string) {
	switch {
	case c.Device != "":
		at.name = c.Device
	case c.HWAddr != "":
		mac, err := discovery.ParseMAC(c.HWAddr)
		if err != nil {
			return at, 0, `"hwaddr": ` + err.Error()
		}
		at.mac = mac.String()
	case c.PCIBusID != "" || c.DeviceID != "":
		at.pci = strings.ToLower(cmp.Or(c.PCIBusID, c.DeviceID))
	case c.KernelPath != "":
		return at, 0, `it names the device by "kernelpath", which Colvin does not know: give its name in a table of node, interface, network`
	default:
		return at, 0, "it names no device, so a device plugin chooses it: give the interface in a table of node, interface, network"
	}
	return at, 0, ""
}

func vlanID(key string, n int) (vid uint16, why string) {
	if n < 1 || n > discovery.MaxVID {
		return 0, fmt.Sprintf("%q is %d, which is no VLAN of 1 to %d", key, n, discovery.MaxVID)
	}
	return uint16(n), ""
}

// interfaceMap reads an InterfaceMap of Surveyor CNI. It bears the host name of the node.
func (c *content) interfaceMap(o *object) (all []claim) {
	var m struct {
		Spec []struct {
			Interface string `json:"interface"`
			Network   string `json:"network"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(o.raw, &m); err != nil {
		c.unread(o.place, "%s: %v", o, unfit(err))
		return nil
	}
	for i, entry := range m.Spec {
		switch {
		case entry.Network == "": // as Surveyor lists what it found
		case entry.Interface == "":
			c.unread(o.place, "%s: spec[%d] names no interface", o, i)
		default:
			all = append(all, claim{
				place: o.place, by: o.String(), names: []string{entry.Network}, on: scope{onHost(o.Metadata.Name)},
				at: target{name: entry.Interface},
			})
		}
	}
	return all
}

// line reads a line of a table.
func (c *content) line(r row) (claim, bool) {
	out := claim{place: r.place, by: "the table", names: []string{r.net}, on: scope{onNode(r.node)}, at: target{name: r.interfac}}
	if mac, err := discovery.ParseMAC(r.interfac); err == nil {
		out.at = target{mac: mac.String()}
	}
	if r.vid == "" || strings.EqualFold(r.vid, "untagged") {
		return out, true
	}
	n, err := strconv.Atoi(r.vid)
	why := ""
	if err == nil {
		out.vid, why = vlanID(columnVLAN, n)
	}
	if err != nil || why != "" {
		c.unread(r.place, "the VLAN %s is no number of 1 to %d", yamlfile.Quote(r.vid), discovery.MaxVID)
		return claim{}, false
	}
	return out, true
}

// claims are all that the files say, with the nodes that pods of theirs are bound to.
func (c *content) claims() (all []claim) {
	used := c.users()
	for _, o := range c.objects {
		switch o.Kind {
		case kindDefinition:
			if d, ok := c.definition(o); ok {
				if len(d.on) == 0 { // else pods come to no other node by it
					d.on = used[qualified(o.Metadata.Name, o.Metadata.Namespace)]
				}
				all = append(all, d)
			}
		case kindMap:
			all = append(all, c.interfaceMap(o)...)
		}
	}
	for _, r := range c.rows {
		if d, ok := c.line(r); ok {
			all = append(all, d)
		}
	}
	return all
}
