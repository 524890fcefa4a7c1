// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// How an ambiguous name is decided (key "select").
const (
	selectOnly  = "only"
	selectFirst = "first"
)

// maxName is the longest network name rules accept.
const maxName = 63

// delegateType is what the plugin knows about a delegate.
type delegateType struct {
	deviceKey string // where it expects the device
	notYet    string // why it is refused for now
}

var delegateTypes = map[string]delegateType{
	"macvlan":     {deviceKey: "master"},
	"ipvlan":      {deviceKey: "master"},
	"bridge":      {deviceKey: "bridge"},
	"vlan":        {deviceKey: "master", notYet: "it would put the container into a VLAN that is not the network's"},
	"sriov":       {deviceKey: "deviceID", notYet: "nothing makes sure yet that the virtual function's port leads to the network"},
	"ib-sriov":    {deviceKey: "deviceID", notYet: "nothing makes sure yet that the virtual function's port leads to the network"},
	"host-device": {deviceKey: "device", notYet: "nothing makes sure yet that the node itself does not use the device"},
}

// runtimeKeys belong to the runtime and the network: a delegate object does not
// replace them.
var runtimeKeys = []string{"cniVersion", "name", "runtimeConfig", "args", "prevResult", validAttachmentsKey}

const validAttachmentsKey = "cni.dev/valid-attachments"

// conf is the plugin's configuration.
type conf struct {
	name       string // of the CNI network
	cniVersion string

	network   string // the name to resolve
	selection string
	runDir    string
	recordDir string

	delegate  string // its type
	deviceKey string
	// base is the delegate's configuration but for the device.
	base object
}

// object is a JSON object whose values are not looked into.
type object map[string]json.RawMessage

func (c *conf) nodeFile() string  { return filepath.Join(c.runDir, nodefile.FileName) }
func (c *conf) agentLock() string { return filepath.Join(c.runDir, nodefile.LockName) }

// parseConf reads the configuration and reports all its mistakes at once. The
// conf it returns with an error is good enough to find a record.
func parseConf(data []byte) (*conf, error) {
	c := &conf{selection: selectOnly, runDir: nodefile.DefaultDir, recordDir: record.DefaultDir}
	p := &parser{}
	if err := json.Unmarshal(data, &p.rest); err != nil {
		return c, fmt.Errorf("parse configuration: %w", err)
	}
	if p.rest == nil {
		return c, errors.New("configuration is null, want an object")
	}
	p.get("name", &c.name)
	p.get("cniVersion", &c.cniVersion)
	p.take("network", &c.network)
	p.take("select", &c.selection)
	p.takeDir("runDirectory", &c.runDir)
	p.takeDir("recordDirectory", &c.recordDir)
	p.take("deviceKey", &c.deviceKey)
	switch {
	case c.network == "":
		p.bad(`"network" is missing: the name of the network to attach to`)
	case len(c.network) > maxName:
		p.bad(`"network" has %d characters, want at most %d`, len(c.network), maxName)
		c.network = c.network[:maxName] + "..."
	}
	if c.selection != selectOnly && c.selection != selectFirst {
		p.bad(`"select" is %q, want "only" or "first"`, c.selection)
	}
	p.delegate(c)
	return c, p.err()
}

// withDevice is the delegate's configuration for an ADD.
func (c *conf) withDevice(device string) (json.RawMessage, error) {
	o := maps.Clone(c.base)
	value, err := json.Marshal(device)
	if err != nil {
		return nil, fmt.Errorf("encode device %q: %w", device, err)
	}
	o[c.deviceKey] = value
	return json.Marshal(o)
}

// parser takes the plugin's own keys out of a configuration.
type parser struct {
	rest     object
	mistakes []string
}

func (p *parser) bad(format string, args ...any) {
	p.mistakes = append(p.mistakes, fmt.Sprintf(format, args...))
}

func (p *parser) err() error {
	if len(p.mistakes) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.mistakes, "; "))
}

// get reads a key if it is there and not null.
func (p *parser) get(key string, into any) {
	raw, ok := p.rest[key]
	if !ok || isNull(raw) {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		kind := "a string"
		if _, ok := into.(*object); ok {
			kind = "an object"
		}
		p.bad("%q is not %s", key, kind)
	}
}

// take is get for the plugin's own keys, which the delegate does not see.
func (p *parser) take(key string, into any) {
	p.get(key, into)
	delete(p.rest, key)
}

func (p *parser) takeDir(key string, into *string) {
	dir := *into
	p.take(key, &dir)
	if !filepath.IsAbs(dir) {
		p.bad("%q is %q, want an absolute path", key, dir)
		return
	}
	*into = filepath.Clean(dir)
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// delegate reads the delegate object and merges it over what is left.
func (p *parser) delegate(c *conf) {
	var given object
	p.take("delegate", &given)
	if given == nil {
		given = object{"type": json.RawMessage(`"macvlan"`)}
		if _, ok := p.rest["mode"]; !ok {
			given["mode"] = json.RawMessage(`"bridge"`)
		}
	}
	inner := &parser{rest: given}
	inner.get("type", &c.delegate)
	for _, m := range inner.mistakes {
		p.bad("delegate: %s", m)
	}
	p.checkType(c)

	known := delegateTypes[c.delegate].deviceKey != ""
	c.base = p.rest
	for key, value := range given {
		if _, ok := c.base[key]; !ok || !slices.Contains(runtimeKeys, key) {
			c.base[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.base)) {
		p.checkKey(c, key, known)
	}
	if !known {
		for _, key := range []string{"deviceID", "pciBusID"} {
			if _, ok := c.base[key]; ok {
				p.bad("%q chooses a device for %s, and nothing makes sure yet that it leads to the network; remove it", key, c.delegate)
			}
		}
	}
	if known { // Multus adds these; a software device is none of a device plugin's
		delete(c.base, "deviceID")
		delete(c.base, "pciBusID")
	}
}

func (p *parser) checkType(c *conf) {
	var own string
	p.get("type", &own)
	known, isKnown := delegateTypes[c.delegate]
	switch {
	case c.delegate == "":
		p.bad(`delegate: "type" is missing: the plugin to delegate to, such as macvlan`)
	case c.delegate == "colvin" || c.delegate == own:
		p.bad("delegate: %q cannot delegate to itself", c.delegate)
	case strings.ContainsRune(c.delegate, filepath.Separator):
		p.bad(`delegate: "type" is %q, want the name of a plugin without a path`, c.delegate)
	case known.notYet != "":
		p.bad("delegate: %q is not supported yet: %s; use macvlan", c.delegate, known.notYet)
	case isKnown && c.deviceKey != "" && c.deviceKey != known.deviceKey:
		p.bad(`"deviceKey" is %q, but %s takes the device as %q; remove "deviceKey"`, c.deviceKey, c.delegate, known.deviceKey)
	case !isKnown && c.deviceKey == "":
		p.bad(`"deviceKey" is missing: the key in which %s expects the device`, c.delegate)
	case c.deviceKey == "type" || c.deviceKey == "ipam" || slices.Contains(runtimeKeys, c.deviceKey):
		p.bad(`"deviceKey" is %q, which has another meaning`, c.deviceKey)
	}
	if isKnown {
		c.deviceKey = known.deviceKey
	}
}

// checkKey refuses what would make the delegate use another device. Plugins in
// Go read keys without regard to case, so the check does too.
func (p *parser) checkKey(c *conf, key string, known bool) {
	switch {
	case c.deviceKey != "" && strings.EqualFold(key, c.deviceKey):
		p.bad(`%q is set, but the device comes from "network"; remove one of them`, key)
	case known && strings.EqualFold(key, "linkInContainer"):
		var in bool
		if json.Unmarshal(c.base[key], &in) != nil || in {
			p.bad(`%q is set, but the device is on the node; remove it`, key)
		}
	}
}

// ipamType is the IPAM plugin that the delegate will call; empty for none.
func (c *conf) ipamType() string {
	var ipam struct{ Type string }
	if json.Unmarshal(c.base["ipam"], &ipam) != nil {
		return "" // the delegate says what it thinks of it
	}
	return ipam.Type
}
