// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"io/fs"
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
	a, err := p.begin(c, args)
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
	if _, err := same(a.kernel, r.Device); err != nil && !r.Taken {
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
	d, err := a.findDelegate(r.DelegateType, a.args, a.lock.File())
	if err != nil {
		return err
	}
	_, err = d.call("CHECK", conf)
	return err
}

// moved reports that the device leads to another network by now, as far as the agent
// knows.
func (a *operation) moved(r *record.Record) error {
	node, err := nodefile.Read(a.conf.nodeFile())
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
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	if _, err := p.bootID(); err != nil {
		return fail(types.ErrPluginNotAvailable, "%s: %v", p.about(c), err)
	}
	if _, err := nodefile.Read(c.nodeFile()); err != nil {
		return fail(types.ErrPluginNotAvailable, "%s: %v", p.about(c), err)
	}
	if !agentlock.Held(c.agentLock()) {
		return fail(types.ErrPluginNotAvailable, "%s: colvind does not run on this node (nobody holds %s): start it",
			p.about(c), c.agentLock())
	}
	d, err := p.findDelegate(c.delegateType, args, nil)
	if err != nil {
		return prefixed(p.about(c), err)
	}
	conf, err := json.Marshal(c.base)
	if err != nil {
		return fail(types.ErrInternal, "encode configuration: %v", err)
	}
	if _, err := d.call("STATUS", conf); err != nil {
		return prefixed(p.about(c), err)
	}
	return nil
}
