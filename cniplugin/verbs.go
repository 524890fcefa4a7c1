// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Check tells whether a container is still attached as ADD left it.
func (p *Plugin) Check(args *skel.CmdArgs) error {
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	a, err := p.begin(c, args, p.patience.del)
	if err != nil {
		return err
	}
	defer a.end()
	r, err := a.lock.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return fail(types.ErrUnknownContainer, "%s: container %s has no attachment %s", p.about(c), args.ContainerID, args.IfName)
	}
	if err == nil {
		err = a.check(r)
	}
	if err != nil {
		return prefixed(p.about(c), err)
	}
	return nil
}

func (a *operation) check(r *record.Record) error {
	device, err := same(a.kernel, r.Device)
	if err != nil && !r.Taken {
		return fail(errNotHere, "container %s is attached through a device that is no longer there: %v", r.ContainerID, err)
	}
	if err := a.moved(r); err != nil {
		return err
	}
	// That the interface or its namespace is gone is for the delegate to say.
	if err := a.made(r); err != nil && !errors.Is(err, link.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
		return fail(errMoved, "container %s is not attached as it should be: %v; restart the container", r.ContainerID, err)
	}
	conf, err := withPrevResult(r.DelegateConf, a.args.StdinData)
	if err != nil {
		return err
	}
	if c := a.checksItself(r, conf); c != nil {
		return a.checkItself(c, device.MTU, conf)
	}
	if !r.Taken && device.Name != r.Device.Name {
		conf = renamed(conf, a.deviceKey(r), r.Device.Name, device.Name)
	}
	return a.checkDelegate(r, conf)
}

// checkDelegate asks the delegate, and does without the word of an IPAM plugin that has no
// CHECK: most delegates ask it first and pass its answer on.
func (a *operation) checkDelegate(r *record.Record, conf []byte) error {
	d, err := a.program(roleDelegate, r.DelegateType, a.args)
	if err != nil {
		return err
	}
	// The plugins bridge and vlan call their IPAM plugin though there is none.
	use := profiles[r.DelegateType].use
	insists := use == bridged || use == tagged
	kind := ipamType(conf)
	if kind == "" && insists {
		return a.present(r)
	}
	_, err = d.call("CHECK", conf)
	if err == nil || kind == "" || !a.hasNoCheck(kind, conf) {
		return err
	}
	a.sayNoCheck(kind)
	if insists {
		return a.present(r)
	}
	_, err = d.call("CHECK", without(conf, "ipam"))
	return err
}

func (a *operation) sayNoCheck(kind string) {
	a.say(a.conf, "the IPAM plugin %s has no CHECK, so nobody tells whether the address is still reserved; all else is checked", kind)
}

// hasNoCheck asks an IPAM plugin itself whether it has no CHECK, as whereabouts.
func (a *operation) hasNoCheck(kind string, conf []byte) bool {
	ipam, err := a.program(roleIPAM, kind, a.args)
	if err != nil {
		return false
	}
	_, err = ipam.call("CHECK", conf)
	return saysNo("check", err)
}

// saysNo reports whether that is the answer of a plugin which does not have that verb.
func saysNo(verb string, err error) bool {
	e, ok := errors.AsType[*types.Error](err)
	if !ok || e.Code == types.ErrUnknownContainer {
		return false
	}
	says := func(words string) bool { return strings.Contains(strings.ToLower(e.Msg+" "+e.Details), words) }
	none := says("not implemented") || says("not supported") || says("unknown cni_command")
	return none && strings.Count(strings.ToLower(e.Msg), verb) > 1 // once is of the plugin's own words before it
}

// present makes sure that the container has its interface, where no delegate says so.
func (a *operation) present(r *record.Record) error {
	if _, err := a.kernel.OriginIn(a.args.Netns, r.IfName); err != nil {
		return fail(errMoved, "container %s has no interface %s any more: %v; restart the container", r.ContainerID, r.IfName, err)
	}
	return nil
}

// deviceKey is the key in which the delegate of a record got the device.
func (a *operation) deviceKey(r *record.Record) string {
	if p, known := profiles[r.DelegateType]; known {
		return p.deviceKey
	}
	return a.conf.profile.deviceKey
}

// renamed is a recorded configuration for a device that has another name since.
func renamed(conf []byte, key, before, now string) []byte {
	c := object{}
	var told string
	if json.Unmarshal(conf, &c) != nil || json.Unmarshal(c[key], &told) != nil || told != before {
		return conf
	}
	name, err := json.Marshal(now)
	if err != nil {
		return conf
	}
	c[key] = name
	prev := object{}
	var interfaces []object
	if json.Unmarshal(c[prevResultKey], &prev) == nil && json.Unmarshal(prev["interfaces"], &interfaces) == nil {
		for _, i := range interfaces {
			var its, sandbox string
			_, _ = json.Unmarshal(i["name"], &its), json.Unmarshal(i["sandbox"], &sandbox)
			if its == before && sandbox == "" {
				i["name"] = name
			}
		}
		if prev["interfaces"], err = json.Marshal(interfaces); err == nil {
			c[prevResultKey], err = json.Marshal(prev)
		}
	}
	out, err2 := json.Marshal(c)
	if err != nil || err2 != nil {
		return conf
	}
	return out
}

// moved reports that the device leads to another network by now, as far as the agent
// knows.
func (a *operation) moved(r *record.Record) error {
	node, err := nodefile.Read(a.nodeFile())
	if err != nil || node.BootID != r.BootID {
		return nil // CHECK is about this container, not about the agent
	}
	for _, m := range node.Moved {
		if m.Key == r.Key {
			return fail(errMoved, "container %s was attached to %s through %s, which leads to %s since %s (%s); move the cable back, or restart the container",
				r.ContainerID, identity.Key(r.Identity).Named(), r.Device.Name, identity.Key(m.Identity).Named(), m.Since.UTC().Format(time.RFC3339), m.Neighbor)
		}
	}
	return nil
}

// Status tells whether an ADD could succeed.
func (p *Plugin) Status(args *skel.CmdArgs) error {
	c, err := p.attachable(args)
	if err != nil {
		return err
	}
	if _, err := p.bootID(); err != nil {
		return fail(types.ErrPluginNotAvailable, "%s: %v", p.about(c), err)
	}
	if _, err := nodefile.Read(p.nodeFile()); err != nil {
		return fail(types.ErrPluginNotAvailable, "%s: %v", p.about(c), err)
	}
	if !agentlock.Held(p.agentLock()) {
		return fail(types.ErrPluginNotAvailable, "%s: colvind does not run on this node (nobody holds %s): start it",
			p.about(c), p.agentLock())
	}
	role, kind := roleDelegate, c.delegateType
	if c.itself != nil { // the IPAM plugin is all that it needs
		if role, kind = roleIPAM, c.itself.IPAM; kind == "" {
			return nil
		}
	}
	d, err := p.program(role, kind, args)
	if err != nil {
		return prefixed(p.about(c), err)
	}
	conf, err := json.Marshal(c.base)
	if err != nil {
		return fail(types.ErrInternal, "encode configuration: %v", err)
	}
	// Those that were built before CNI 1.1 have none.
	if _, err := d.call("STATUS", conf); err != nil && !saysNo("status", err) {
		return prefixed(p.about(c), err)
	}
	return nil
}
