// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Add attaches a container to the network its configuration names.
func (p *Plugin) Add(args *skel.CmdArgs) error {
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	netns, err := findNetns(args)
	if err != nil {
		return fail(types.ErrInvalidNetNS, "%s: %v", p.about(c), err)
	}
	a, err := p.begin(c, args)
	if err != nil {
		return err
	}
	defer a.end()
	if err := a.clearEarlier(netns); err != nil {
		return err
	}
	return a.add(netns)
}

// attachment is the work on one attachment, under its lock.
type attachment struct {
	*Plugin
	conf *conf
	args *skel.CmdArgs
	lock *record.Lock
}

func (a *attachment) key() record.Key {
	return record.Key{Name: a.conf.name, ContainerID: a.args.ContainerID, IfName: a.args.IfName}
}

// begin takes the lock, waiting for the delegate of a killed plugin.
func (p *Plugin) begin(c *conf, args *skel.CmdArgs) (*attachment, error) {
	a := &attachment{Plugin: p, conf: c, args: args}
	store, err := record.Open(c.recordDir)
	if err != nil {
		return nil, fail(types.ErrIOFailure, "%s: %v", p.about(c), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.lockWait)
	defer cancel()
	a.lock, err = store.Lock(ctx, a.key())
	if err == nil {
		return a, nil
	}
	if errors.Is(err, record.ErrLocked) {
		return nil, fail(types.ErrTryAgainLater, "%s: %v after %v; try again", p.about(c), err, p.lockWait)
	}
	return nil, fail(types.ErrIOFailure, "%s: %v", p.about(c), err)
}

// end lets go of the lock. A lock file that cannot be removed does no harm.
func (a *attachment) end() { _ = a.lock.Unlock() }

// clearEarlier undoes what a killed plugin, or a boot before this one, left
// under the same key.
func (a *attachment) clearEarlier(netns record.Netns) error {
	r, err := a.lock.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && r.Phase == record.Added && r.Netns == netns && a.sameBoot(r):
		return fail(types.ErrInvalidEnvironmentVariables,
			"%s: container %s already has interface %s on %s; the runtime must call DEL before another ADD",
			a.about(a.conf), a.args.ContainerID, a.args.IfName, r.Device.Name)
	}
	return a.del()
}

func (a *attachment) add(netns record.Netns) error {
	node, err := a.readNode(a.conf)
	if err != nil {
		return err
	}
	t, err := a.resolve(a.conf, node)
	if err != nil {
		return err
	}
	about := fmt.Sprintf("%s: network %q on %s", node.Node, a.conf.network, t.device.Name)
	d, err := a.newDelegate(a.conf.delegate, a.args, a.lock.File())
	if err != nil {
		return prefixed(about, err)
	}
	// The delegate would find out only after it made the interface, and without
	// the IPAM plugin its work could not be undone.
	if kind := a.conf.ipamType(); kind != "" {
		if _, err := findPlugin("IPAM", kind, a.args.Path); err != nil {
			return prefixed(about, err)
		}
	}
	r, err := a.newRecord(t, node, netns)
	if err != nil {
		return prefixed(about, err)
	}
	if err := a.lock.Create(r); err != nil {
		return fail(types.ErrIOFailure, "%s: %v", about, err)
	}
	if err := a.attach(d, t, r); err != nil {
		return a.undo(d, r, prefixed(about, err))
	}
	return nil
}

func (a *attachment) newRecord(t *target, node *nodefile.File, netns record.Netns) (*record.Record, error) {
	delegateConf, err := a.conf.withDevice(t.device.Name)
	if err != nil {
		return nil, err
	}
	return &record.Record{
		Key: a.key(), Phase: record.Adding, Time: time.Now().UTC(),
		BootID: node.BootID, Netns: netns, Args: a.args.Args, Pod: pod(a.args.Args),
		Network: a.conf.network, Identity: t.Identity,
		Device:         record.Link{Name: t.device.Name, Index: t.device.Index, MAC: t.device.MAC.String()},
		Port:           record.Link(t.Port),
		CarrierChanges: t.CarrierChanges, VID: t.VID,
		DelegateType: a.conf.delegate, DelegateConf: delegateConf,
	}, nil
}

// attach runs the delegate, asks the kernel again and hands out the result.
func (a *attachment) attach(d *delegate, t *target, r *record.Record) error {
	asked, err := (&version.ConfigDecoder{}).Decode(a.args.StdinData)
	if err != nil {
		return err
	}
	result, err := d.add(r.DelegateConf, asked)
	if err != nil {
		return err
	}
	if err := a.still(t); err != nil {
		return err
	}
	addHostDevice(result, t.device)
	out, err := encode(result, asked)
	if err != nil {
		return err
	}
	r.Phase, r.Result = record.Added, out
	if err := a.lock.Update(r); err != nil {
		return fail(types.ErrIOFailure, "%v", err)
	}
	if _, err := a.stdout.Write(out); err != nil {
		return fail(types.ErrIOFailure, "write result: %v", err)
	}
	return nil
}

// still makes sure that the delegate has used the device that was checked and
// that it still leads to the network: the delegate got a name, a cable can move in
// a moment, and a delegate that waits for DHCP takes many.
func (a *attachment) still(t *target) error {
	now, err := a.verifyAll(t.way)
	if err == nil && now.Name != t.device.Name {
		err = fmt.Errorf("it was renamed to %s", now.Name)
	}
	if err == nil {
		err = a.stillLeads(t)
	}
	if err != nil {
		return fail(types.ErrTryAgainLater, "changed while attaching: %v; %s", err, a.conf.agentAdvice())
	}
	return nil
}

// stillLeads asks the agent's file again.
func (a *attachment) stillLeads(t *target) error {
	node, err := a.readNode(a.conf)
	if err != nil {
		return err
	}
	for _, now := range node.Lookup(a.conf.network) {
		if now.Usable && now.Identity == t.Identity && now.Device == t.Device && now.VID == t.VID {
			return nil
		}
	}
	return fmt.Errorf("it no longer leads to %q", a.conf.network)
}

// undo removes what a failed ADD left. The record stays where that fails too, so
// that DEL or the next ADD can do it.
func (a *attachment) undo(d *delegate, r *record.Record, cause error) error {
	if _, err := d.call("DEL", r.DelegateConf); err != nil {
		r.Phase = record.Adding
		return withError(withError(cause, "undoing it", err), "keeping that in mind", a.lock.Update(r))
	}
	return withError(cause, "undoing it", a.lock.Remove())
}

// addHostDevice appends the node's device. Addresses refer to interfaces by
// position, so it comes last.
func addHostDevice(result *current.Result, device discovery.Interface) {
	for _, i := range result.Interfaces {
		if i.Name == device.Name && i.Sandbox == "" {
			return
		}
	}
	result.Interfaces = append(result.Interfaces, &current.Interface{Name: device.Name, Mac: device.MAC.String()})
}

func encode(result *current.Result, asked string) ([]byte, error) {
	converted, err := result.GetAsVersion(asked)
	if err != nil {
		return nil, fmt.Errorf("convert result: %w", err)
	}
	var out bytes.Buffer
	if err := converted.PrintTo(&out); err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	return out.Bytes(), nil
}

// pod reads what Kubernetes puts into CNI_ARGS.
func pod(args string) record.Pod {
	var pod record.Pod
	for pair := range strings.SplitSeq(args, ";") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "K8S_POD_NAMESPACE":
			pod.Namespace = value
		case "K8S_POD_NAME":
			pod.Name = value
		case "K8S_POD_UID":
			pod.UID = value
		}
	}
	return pod
}
