// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Add attaches a container to the network its configuration names.
func (p *Plugin) Add(args *skel.CmdArgs) error {
	c, err := p.attachable(args)
	if err != nil {
		return err
	}
	if err := p.attach(c, args); err != nil {
		return err
	}
	p.tidy(c, args.Path)
	return nil
}

func (p *Plugin) attach(c *conf, args *skel.CmdArgs) error {
	netns, err := findNetns(args)
	if err != nil {
		return fail(types.ErrInvalidNetNS, "%s: %v", p.about(c), err)
	}
	a, err := p.begin(c, args, p.patience.add)
	if err != nil {
		return err
	}
	defer a.end()
	if err := a.clearEarlier(netns); err != nil {
		return err
	}
	return a.add(netns)
}

// operation is the work on one attachment, under its lock.
type operation struct {
	session
	conf     *conf
	args     *skel.CmdArgs
	lock     *record.Lock
	deadline time.Time // of all of it
	wanted   bool      // by the runtime, which called DEL
	inside   container // where the plugin itself makes the interface; nil where a delegate does
	odd      bool      // the delegate does not keep to the specification
}

func (a *operation) key() record.Key {
	return record.Key{Name: a.conf.name, ContainerID: a.args.ContainerID, IfName: a.args.IfName}
}

// begin takes the lock and reads which boot this is.
func (p *Plugin) begin(c *conf, args *skel.CmdArgs, within time.Duration) (*operation, error) {
	a, err := p.locked(c, args, within)
	if err != nil {
		return nil, err
	}
	if a.boot, err = p.bootID(); err != nil {
		a.end()
		return nil, prefixed(p.about(c), err)
	}
	return a, nil
}

// locked takes the lock, waiting for the delegate of a killed plugin.
func (p *Plugin) locked(c *conf, args *skel.CmdArgs, within time.Duration) (*operation, error) {
	deadline := time.Now().Add(within)
	store, err := record.Open(p.records)
	if err != nil {
		return nil, fail(types.ErrIOFailure, "%s: %v", p.about(c), err)
	}
	a := &operation{session: session{Plugin: p, store: store}, conf: c, args: args, deadline: deadline}
	ctx, cancel := context.WithTimeout(context.Background(), p.patience.lock)
	defer cancel()
	a.lock, err = store.Lock(ctx, a.key())
	if err == nil {
		return a, nil
	}
	if errors.Is(err, record.ErrLocked) {
		return nil, fail(types.ErrTryAgainLater, "%s: %v after %v; try again", p.about(c), err, p.patience.lock)
	}
	return nil, fail(types.ErrIOFailure, "%s: %v", p.about(c), err)
}

// end lets go of the lock. A lock file that cannot be removed does no harm.
func (a *operation) end() {
	if a.inside != nil {
		a.inside.Close()
	}
	_ = a.lock.Unlock()
}

// clearEarlier undoes what a killed plugin, or a boot before this one, left
// under the same key.
func (a *operation) clearEarlier(netns record.Netns) error {
	r, err := a.lock.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && r.Phase == record.Added && r.Netns == netns && a.isOfThisBoot(r) && r.Unwanted.IsZero():
		return fail(types.ErrInvalidEnvironmentVariables,
			"%s: container %s already has interface %s on %s; the runtime must call DEL before another ADD",
			a.about(a.conf), a.args.ContainerID, a.args.IfName, r.Device.Name)
	case errors.Is(err, record.ErrLater): // the container may well be attached
		return fail(types.ErrIOFailure, "%s: %v", a.about(a.conf), err)
	}
	if err := a.del(r, err); err != nil {
		err = withError(err, "it was there before", errors.New(`"colvin gc" ends what cannot be undone`))
		return prefixed(a.about(a.conf), err)
	}
	return nil
}

// vacant makes sure that the container has no interface of that name: the delegate would
// fail, and take away another's when that is undone.
func (a *operation) vacant() error {
	_, err := a.kernel.InNetns(a.args.Netns, a.args.IfName)
	return a.orOccupied(err)
}

// orOccupied is the error of who looked for an interface that should not be there.
func (a *operation) orOccupied(err error) error {
	switch {
	case errors.Is(err, link.ErrAltName): // a delegate might take the other for its own, and remove it
		return fail(types.ErrInvalidEnvironmentVariables, "container %s has an interface with the alternative name %s, which is not Colvin's; give the attachment another name",
			a.args.ContainerID, a.args.IfName)
	case errors.Is(err, link.ErrNotFound):
		return nil
	case err != nil:
		return fail(types.ErrInvalidNetNS, "%v", err)
	}
	return fail(types.ErrInvalidEnvironmentVariables, "container %s already has an interface %s, which is not Colvin's; give the attachment another name",
		a.args.ContainerID, a.args.IfName)
}

func (a *operation) add(netns record.Netns) error {
	node, err := a.readNode(a.conf)
	if err != nil {
		return err
	}
	prev, err := a.previous()
	if err != nil {
		return fail(types.ErrInvalidNetworkConfig, "%s: %v", a.about(a.conf), err)
	}
	t, err := a.resolve(a.conf, node)
	if err != nil {
		return a.orTaken(err)
	}
	if err := a.enter(netns); err != nil {
		return err
	}
	about := fmt.Sprintf("%s: network %q on %s", node.Node, a.conf.network, deviceName(&t.Uplink))
	if err := a.carryOut(t, netns, prev); err != nil {
		return prefixed(about, err)
	}
	a.notePin(t, about)
	a.noteAge(node, about)
	return nil
}

// carryOut attaches the container to the target, or leaves nothing behind.
func (a *operation) carryOut(t *target, netns record.Netns, prev *current.Result) error {
	var d *program
	if a.inside == nil {
		var err error
		if d, err = a.program(roleDelegate, a.conf.delegateType, a.args); err != nil {
			return err
		}
		d.deadline = a.deadline.Add(-a.patience.delegate) // which leaves the time to undo what it did
	}
	// The delegate would find out only after it made the interface, and without
	// the IPAM plugin its work could not be undone.
	if kind := a.conf.ipamType(); kind != "" {
		if _, err := findBinary(roleIPAM, kind, a.args.Path); err != nil {
			return err
		}
	}
	if t.takes {
		release, err := a.lockDevice(t.device.Index, 0)
		if err != nil {
			return err
		}
		defer release()
	}
	t, r, err := a.record(t, netns)
	if err != nil {
		return err
	}
	if err := a.spare(t, r); err != nil {
		return withError(err, "undoing it", a.forget(r))
	}
	if a.inside != nil {
		return a.attachItself(t, r, prev)
	}
	return a.withRival(r, a.delegate(d, t, r, prev))
}

// previous is the result of the plugin before this one in the list; nil for none.
func (a *operation) previous() (*current.Result, error) {
	raw, ok := a.conf.base[prevResultKey]
	if !ok || isNull(raw) {
		return nil, nil
	}
	asked, err := (&version.ConfigDecoder{}).Decode(a.args.StdinData)
	if err != nil {
		return nil, err
	}
	prev, err := parseResult(raw, asked)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", prevResultKey, err)
	}
	return prev, nil
}

// record makes the device where it has to be made, and the record of what is to come. It
// returns the target with that device.
func (a *operation) record(t *target, netns record.Netns) (*target, *record.Record, error) {
	if t.make {
		made, release, err := a.makeVLAN(t)
		if err != nil {
			return nil, nil, err
		}
		defer release()
		t = made
	}
	r, err := a.newRecord(t, netns)
	if err == nil {
		err = a.lock.Write(r)
	}
	if err == nil {
		return t, r, nil
	}
	err = fail(types.ErrIOFailure, "%v", err)
	if t.make {
		err = withError(err, "undoing it", a.removeUnused(t.device.Index))
	}
	return nil, nil, err
}

// renewedWithin is how old the node file of an agent that lives is at most, and some more:
// it renews what it grants for a quarter of an hour after half of that.
const renewedWithin = 10 * time.Minute

// notePin says that only a rule says where the container is attached to.
func (a *operation) notePin(t *target, about string) {
	if isPinned(&t.Uplink) {
		_, _ = fmt.Fprintln(a.stderr, oneLine(fmt.Sprintf("colvin: %s: attached, %s", about, pinnedBy(&t.Uplink))))
	}
}

// noteAge says how old the knowledge is that the attachment rests on, where nobody
// renews it. The runtime keeps what a plugin writes there in its log.
func (a *operation) noteAge(node *nodefile.File, about string) {
	why := "colvind does not run"
	if agentlock.Held(a.agentLock()) {
		if a.now().Sub(node.Written) < renewedWithin {
			return
		}
		why = `colvind renews nothing, as if it were frozen ("systemctl status colvind" tells)`
	}
	said := fmt.Sprintf("colvin: %s: attached, but %s; what is known here was last written %s (%s), and the kernel confirms it: no link was lost since",
		about, why, a.ago(node.Written), node.Written.UTC().Format(time.RFC3339))
	_, _ = fmt.Fprintln(a.stderr, oneLine(said))
}

func (a *operation) newRecord(t *target, netns record.Netns) (*record.Record, error) {
	delegateConf, err := a.conf.configure(t.device.Name, t.VID)
	if err != nil {
		return nil, err
	}
	return &record.Record{
		Key: a.key(), Phase: record.Adding, Time: a.now().UTC().Round(0),
		BootID: a.boot, Netns: netns, Args: a.args.Args, Path: a.args.Path, Pod: pod(a.args.Args),
		Network: a.conf.network, Identity: t.Identity, OtherIdentities: t.OtherIdentities,
		Device:         linkOf(t.device),
		Parent:         t.Parent,
		Port:           t.Ports[0].Link,
		CarrierChanges: t.Ports[0].CarrierChanges, VID: t.VID, Taken: t.takes, Chosen: t.chosen,
		DelegateType: a.conf.delegateType, DelegateConf: delegateConf, Itself: a.inside != nil,
	}, nil
}

// delegate runs the delegate and makes sure of what it did, or undoes it.
func (a *operation) delegate(d *program, t *target, r *record.Record, prev *current.Result) error {
	asked, err := (&version.ConfigDecoder{}).Decode(a.args.StdinData)
	if err != nil {
		return a.undo(r, err)
	}
	out, err := d.call("ADD", r.DelegateConf)
	if err != nil {
		if _, unknown := errors.AsType[noAnswer](err); !unknown {
			r.Failed = fit.Bound(err.Error(), maxStderr)
		}
		return a.undo(r, err)
	}
	result, err := parseResult(out, asked)
	if err != nil {
		a.odd = true
		err = a.undo(r, fail(types.ErrInternal, "%s ADD: %v", d.kind, err))
		return withError(err, "removing what the delegate left", a.removeMade(r))
	}
	err = a.still(t, r)
	if err == nil {
		err = a.handOut(t, r, prev, result, asked)
	}
	if err != nil {
		return withError(a.undo(r, err), "removing what the delegate left", a.removeMade(r))
	}
	return nil
}

// handOut writes the result, for the record and for the runtime.
func (a *operation) handOut(t *target, r *record.Record, prev, result *current.Result, asked string) error {
	if prev != nil {
		result = afterPrevious(prev, result)
	}
	if !t.takes { // else it is in the container now
		addHostDevice(result, t.device)
	}
	out, err := encode(result, asked)
	if err != nil {
		return err
	}
	r.Phase, r.Result = record.Added, out
	if err := a.lock.Write(r); err != nil {
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
func (a *operation) still(t *target, r *record.Record) error {
	var err error
	if t.takes {
		err = a.tookIt(t, r)
	} else if err = a.made(r); err == nil {
		if err = a.unchanged(t); err == nil {
			err = a.stillLeads(t)
		}
	}
	if err != nil {
		return a.changed(err)
	}
	return nil
}

// changed is the error of an ADD that began with something else than there is now.
func (a *operation) changed(err error) error {
	return fail(types.ErrTryAgainLater, "changed while attaching: %v; %s", err, a.agentAdvice())
}

// verified is the target's device as it is now, if nothing is otherwise below it.
func (a *operation) verified(t *target) (discovery.Interface, error) {
	now, err := a.verifyAll(a.conf, &t.Uplink)
	if err == nil && t.make {
		now, err = same(a.kernel, linkOf(t.device))
		if err == nil && !isVLAN(t.device.Parent, t.VID)(now) { // all of a parent have its MAC address
			err = fmt.Errorf("%s (ifindex %d) is no device of VLAN %d any more", now.Name, now.Index, t.VID)
		}
	}
	return now, err
}

func (a *operation) unchanged(t *target) error {
	now, err := a.verified(t)
	if err == nil && now.Name != t.device.Name {
		err = fmt.Errorf("it was renamed to %s", now.Name)
	}
	return err
}

// tookIt makes sure that the device which was checked is the one in the container.
func (a *operation) tookIt(t *target, r *record.Record) error {
	if _, err := same(a.kernel, linkOf(t.device)); err == nil {
		return fmt.Errorf("%s is still on the node", t.device.Name)
	}
	if err := a.made(r); err != nil {
		return err
	}
	now, err := a.kernel.InNetns(a.args.Netns, a.args.IfName)
	if err != nil {
		return err
	}
	return a.dropAltNames(now, t)
}

// dropAltNames takes the names of the target's networks, which the agent may have
// given it, from a device in the container: the kernel does not let it come back to
// the node while another device there has one of its names.
func (a *operation) dropAltNames(device discovery.Interface, t *target) error {
	names := slices.DeleteFunc(slices.Clone(device.AltNames), func(name string) bool { return !slices.Contains(t.names, name) })
	if len(names) == 0 {
		return nil
	}
	return a.kernel.RemoveAltNamesIn(a.args.Netns, device.Name, names)
}

// The agent sees a VLAN device that is being made in all its states, and its file
// can speak of one for a moment.
const (
	settleTime  = time.Second
	settlePause = 20 * time.Millisecond
)

// stillLeads asks the agent's file again.
func (a *operation) stillLeads(t *target) error {
	if !a.isUnread() && a.onTime(&t.Uplink) {
		return nil // it says what it said
	}
	for start := time.Now(); ; time.Sleep(settlePause) {
		node, err := a.readNode(a.conf)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(node.Lookup(a.conf.network), func(now nodefile.Uplink) bool { return t.isStill(now, a.inside != nil) && a.onTime(&now) }) {
			return nil
		}
		if !t.make || time.Since(start) > settleTime {
			return fmt.Errorf("it no longer leads to %q", a.conf.network)
		}
	}
}

// isStill reports whether an uplink is the target, through a port that the target has: of
// several that a device joins, the one whose function was chosen can have left it. Who went
// by ifindex does not mind another name.
func (t *target) isStill(now nodefile.Uplink, byIndex bool) bool {
	one := slices.ContainsFunc(now.Identities(), func(id string) bool { return slices.Contains(t.Identities(), id) })
	through := slices.ContainsFunc(now.Ports, func(p nodefile.Port) bool {
		return p.VID == t.VID && slices.ContainsFunc(t.Ports, func(was nodefile.Port) bool { return was.Index == p.Index })
	})
	if byIndex {
		now.Device.Name, now.Parent.Name = t.Device.Name, t.Parent.Name
	}
	return one && through && now.Usable && sameLink(now.Device, t.Device) && sameLink(now.Parent, t.Parent)
}

// sameLink leaves MAC addresses to the kernel, which was asked about them: a bridge
// takes the lowest of its ports', so another container's can have changed it.
func sameLink(a, b nodefile.Link) bool { return a.Index == b.Index && a.Name == b.Name }

// undo removes what a failed ADD left. The record stays where that fails too, so
// that DEL, the next ADD or GC can do it.
func (a *operation) undo(r *record.Record, cause error) error {
	r.Phase = record.Adding
	left := a.release(r)
	r.Refused = r.Failed != "" && left.address != nil && isRefusal(cause, left.address)
	return withError(cause, "undoing it", a.finish(r, left))
}

// spare refuses to take a device away that other containers are attached through,
// and to make a second interface for a VLAN, which the kernel would. The record is
// written first. So of two that want the same device at once, one that takes it sees
// the other's record, or the other sees that it is being taken.
func (a *operation) spare(t *target, r *record.Record) error {
	if !t.takes {
		for _, index := range []int{t.device.Index, t.Parent.Index, t.Ports[0].Index} {
			if a.store.DeviceLocked(index, 0) {
				return fail(types.ErrTryAgainLater, "host-device is taking it, or tries to; try again")
			}
		}
	}
	if !t.takes && a.conf.profile.use != tagged {
		return a.spareMode(t, r)
	}
	records, err := a.store.List()
	if err != nil {
		return fail(types.ErrIOFailure, "%v", err)
	}
	for i := range records {
		r := &records[i]
		switch {
		case r.Key == a.key() || r.Detached || !a.isOfThisBoot(r):
		case t.takes && slices.Contains([]int{r.Device.Index, r.Parent.Index, r.Port.Index}, t.device.Index):
			return fail(errUnsafe, "container %s (%s) is attached through it, or about to be, and host-device would take it away", r.ContainerID, r.Pod)
		case !t.takes && r.DelegateType == a.conf.delegateType && r.Parent == t.Parent && r.VID == t.VID:
			return fail(errUnsafe, "container %s (%s) has the interface of that VLAN already, and the kernel allows one; use macvlan for several containers", r.ContainerID, r.Pod)
		}
	}
	return nil
}

// orTaken adds to the error of a network that is not here which container has its
// device.
func (a *operation) orTaken(err error) error {
	records, _ := a.store.List()
	for i := range records {
		if r := &records[i]; r.Taken && r.Phase == record.Added && !r.Detached && r.Network == a.conf.network && a.isOfThisBoot(r) {
			return withError(err, "its device", fmt.Errorf("%s is in use: it is inside container %s (%s)", r.Device.Name, r.ContainerID, r.Pod))
		}
	}
	return err
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
