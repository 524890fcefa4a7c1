// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// How an ambiguous name is decided (key "select").
const (
	selectOnly  = "only"
	selectFirst = "first"
)

// conf is the plugin's configuration.
type conf struct {
	name string // of the CNI network

	network   string // the name to resolve
	selection string
	isolation string // empty for the node's

	delegateType string
	profile      profile
	chosen       string // PCI address or auxiliary device that a device plugin chose
	// base is the delegate's configuration but for the device.
	base object
	// itself is what the plugin itself makes, without a delegate; nil where it leaves that to one.
	itself *attach.Config
	// refusals are mistakes that keep a container from being attached, and no more: who is
	// attached by such a configuration goes on to be checked and collected.
	refusals []string
}

// object is a JSON object whose values are not looked into.
type object map[string]json.RawMessage

// parseConf reads the configuration and reports all its mistakes at once. The
// conf it returns with an error is good enough to find a record.
func parseConf(data []byte) (*conf, error) {
	c := &conf{selection: selectOnly}
	p := &parser{}
	if err := json.Unmarshal(data, &p.rest); err != nil {
		return c, fmt.Errorf("parse configuration: %w", err)
	}
	if p.rest == nil {
		return c, errors.New("configuration is null, want an object")
	}
	p.get("name", &c.name)
	before := len(p.mistakes)
	p.take("network", &c.network)
	p.take("select", &c.selection)
	p.take("isolation", &c.isolation)
	p.checkSpelling()
	p.takeNodes("runDirectory", runDirVar)
	p.takeNodes("recordDirectory", recordDirVar)
	switch {
	case len(p.mistakes) > before: // it is no string
	case c.network == "":
		p.bad(`"network" is missing: the name of the network to attach to%s`, p.misspelt("network"))
	case len(c.network) > nodefile.MaxNetworkName:
		p.bad(`"network" has %d characters, want at most %d`, len(c.network), nodefile.MaxNetworkName)
		c.network = c.network[:nodefile.MaxNetworkName] + "..."
	case !nodefile.ValidName(c.network):
		hint := ""
		if other := nearName(c.network); nodefile.ValidName(other) {
			hint = fmt.Sprintf("; did you mean %q?", other)
		}
		p.bad(`"network" is %q, which no network can be called: want lower-case letters, digits and hyphens, the first and last no hyphen%s`, c.network, hint)
	}
	if c.selection != selectOnly && c.selection != selectFirst {
		p.bad(`"select" is %q, want "only" or "first"`, c.selection)
	}
	switch c.isolation {
	case "", nodefile.IsolationOff, nodefile.IsolationStrict:
	default:
		p.bad(`"isolation" is %q, want "off" or "strict"`, c.isolation)
	}
	p.readDelegate(c)
	c.refusals = p.refusals
	return c, p.err()
}

// refused adds to the mistakes what keeps a container from being attached.
func (c *conf) refused(err error) error {
	all := slices.Clone(c.refusals)
	if err != nil {
		all = append([]string{err.Error()}, all...)
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}

// ownKeys are those of the plugin.
var ownKeys = []string{"network", "select", "isolation", "delegate", "deviceKey", "runDirectory", "recordDirectory"}

// checkSpelling refuses keys that are the plugin's but for their case, which it would pass
// over: a reader that folds case takes them for its own.
func (p *parser) checkSpelling() {
	for _, key := range slices.Sorted(maps.Keys(p.rest)) {
		i := slices.IndexFunc(ownKeys, func(own string) bool { return strings.EqualFold(own, key) })
		if i >= 0 && key != ownKeys[i] {
			p.refuse("%q is spelt %q", key, ownKeys[i])
		}
	}
}

// misspelt is a hint where another key is nearly one that is missing.
func (p *parser) misspelt(key string) string {
	near := fit.Nearest(key, slices.Sorted(maps.Keys(p.rest)))
	if near != "" && !strings.EqualFold(near, key) { // which is told anyway
		return fmt.Sprintf("; %q is nearly that key", near)
	}
	return ""
}

// parser takes the plugin's own keys out of a configuration.
type parser struct {
	rest               object
	mistakes, refusals []string
}

func (p *parser) bad(format string, args ...any) {
	p.mistakes = append(p.mistakes, fmt.Sprintf(format, args...))
}

// refuse is bad for what keeps a container from being attached only.
func (p *parser) refuse(format string, args ...any) {
	p.refusals = append(p.refusals, fmt.Sprintf(format, args...))
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
		if _, ok := into.(*bool); ok {
			kind = "true or false"
		}
		if _, ok := into.(*object); ok {
			kind = "an object"
			var word string
			if json.Unmarshal(raw, &word) == nil && word != "" && (key == "delegate" || key == "ipam") {
				kind += fmt.Sprintf(`; write {"type": %q}`, word)
			}
		}
		p.bad("%q is not %s", key, kind)
	}
}

// nearName is a text as a network could be called.
func nearName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == ' ' {
			return '-'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
}

// take is get for the plugin's own keys, which the delegate does not see.
func (p *parser) take(key string, into any) {
	p.get(key, into)
	delete(p.rest, key)
}

// takeNodes refuses a key whose value is the node's to say, in a variable.
func (p *parser) takeNodes(key, variable string) {
	if raw, ok := p.rest[key]; ok && !isNull(raw) {
		p.refuse("%q is set, but the directories are the node's to say; remove it, or set %s in the environment of the container runtime", key, variable)
	}
	delete(p.rest, key)
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// ipamType is the IPAM plugin that the delegate will call; empty for none.
func (c *conf) ipamType() string {
	conf, err := json.Marshal(c.base)
	if err != nil {
		return ""
	}
	return ipamType(conf)
}

// ipamType is the IPAM plugin that a delegate with this configuration calls; empty
// for none.
func ipamType(conf []byte) string {
	var c struct{ IPAM struct{ Type string } }
	if json.Unmarshal(conf, &c) != nil {
		return "" // the delegate says what it thinks of it
	}
	return c.IPAM.Type
}
