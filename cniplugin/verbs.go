// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
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

func (a *attachment) check(r *record.Record) error {
	if _, err := same(a.kernel, nodefile.Link(r.Device)); err != nil {
		return fail(ErrNotHere, "container %s is attached through a device that is no longer there: %v", r.ContainerID, err)
	}
	if err := a.moved(r); err != nil {
		return err
	}
	conf, err := withPrevResult(r.DelegateConf, a.args.StdinData)
	if err != nil {
		return err
	}
	d, err := a.newDelegate(r.DelegateType, a.args, a.lock.File())
	if err != nil {
		return err
	}
	_, err = d.call("CHECK", conf)
	return err
}

// moved reports a device that is known to lead to another network by now. What
// is not known is no error: CHECK is about this container, not about the agent.
func (a *attachment) moved(r *record.Record) error {
	node, err := nodefile.Read(a.conf.nodeFile())
	if err != nil || node.BootID != r.BootID {
		return nil // not known
	}
	var elsewhere *nodefile.Attachment
	for _, n := range node.Networks {
		for _, at := range n.Attachments {
			switch {
			case at.Device.Index != r.Device.Index || at.VID != r.VID:
			case at.Identity == r.Identity:
				return nil
			case at.Certainty == nodefile.Fresh:
				elsewhere = &at
			}
		}
	}
	if elsewhere == nil {
		return nil
	}
	return fail(ErrMoved, "container %s was attached to %s through %s, which leads to %s now (%s); move the cable back, or restart the container",
		r.ContainerID, r.Identity, elsewhere.Device.Name, elsewhere.Identity, elsewhere.Neighbor)
}

// Status tells whether an ADD could succeed.
func (p *Plugin) Status(args *skel.CmdArgs) error {
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	if _, err := nodefile.Read(c.nodeFile()); err != nil {
		return fail(types.ErrPluginNotAvailable, "%s: %v", p.about(c), err)
	}
	if !nodefile.Held(c.agentLock()) {
		return fail(types.ErrPluginNotAvailable, "%s: colvind does not run on this node (nobody holds %s): start it",
			p.about(c), c.agentLock())
	}
	d, err := p.newDelegate(c.delegate, args, nil)
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

// GC detaches what the runtime does not list as valid any more, in its own
// network only.
func (p *Plugin) GC(args *skel.CmdArgs) error {
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	raw, ok := c.base[validAttachmentsKey]
	var valid []types.GCAttachment
	if err := json.Unmarshal(raw, &valid); !ok || err != nil {
		return fail(types.ErrInvalidNetworkConfig, "%s: %q is no list; without it nothing is known to be garbage",
			p.about(c), validAttachmentsKey)
	}
	err = errors.Join(p.collect(c, args, valid), p.delegateGC(c, args))
	if err != nil {
		return fail(types.ErrInternal, "%s: %v", p.about(c), err)
	}
	return nil
}

func (p *Plugin) collect(c *conf, args *skel.CmdArgs, valid []types.GCAttachment) error {
	store, err := record.Open(c.recordDir)
	if err != nil {
		return err
	}
	records, err := store.List()
	errs := []error{err}
	for i := range records {
		r := &records[i]
		if r.Name == c.name && !slices.Contains(valid, types.GCAttachment{ContainerID: r.ContainerID, IfName: r.IfName}) {
			errs = append(errs, p.collectOne(c, args, store, r))
		}
	}
	return errors.Join(errs...)
}

func (p *Plugin) collectOne(c *conf, args *skel.CmdArgs, store *record.Store, r *record.Record) (err error) {
	lock, err := store.TryLock(r.Key)
	if errors.Is(err, record.ErrLocked) {
		return nil // at work: the next GC sees what becomes of it
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	a := &attachment{Plugin: p, conf: c, lock: lock, args: &skel.CmdArgs{
		ContainerID: r.ContainerID, IfName: r.IfName, Netns: r.Netns.Path, Args: r.Args, Path: args.Path,
		StdinData: []byte("{}"), // no previous result
	}}
	return a.del()
}

func (p *Plugin) delegateGC(c *conf, args *skel.CmdArgs) error {
	d, err := p.newDelegate(c.delegate, args, nil)
	if err != nil {
		return err
	}
	conf, err := json.Marshal(c.base)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	_, err = d.call("GC", conf)
	return err
}
