// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/fit"
)

// What macvlan and ipvlan do the plugin does itself where it understands their whole
// configuration: by ifindex, so that no device can get the name of another in between, and
// without a second program. IPAM plugins are programs as ever, started from the node's
// namespace.

// enter opens the container for what the plugin itself makes there, if it is the one with
// which the operation began. For a delegate it makes sure that the name is free there.
func (a *operation) enter(netns record.Netns) error {
	if err := a.enterSame(netns); err != nil {
		return prefixed(a.about(a.conf), err)
	}
	return nil
}

func (a *operation) enterSame(netns record.Netns) error {
	if a.conf.itself == nil {
		now, err := inode(a.args.Netns)
		if err := requireSame(netns, now, err); err != nil {
			return err
		}
		return a.vacant()
	}
	inside, err := a.kernel.Enter(a.args.Netns)
	if err != nil {
		return fail(types.ErrInvalidNetNS, "%v", err)
	}
	a.inside = inside // which is closed at the end of the operation
	now, err := inside.Inode()
	return requireSame(netns, now, err)
}

// attachItself makes the interface and makes sure of it, or leaves nothing behind.
func (a *operation) attachItself(t *target, r *record.Record, prev *current.Result) error {
	asked, err := (&version.ConfigDecoder{}).Decode(a.args.StdinData)
	var made link.Origin
	if err == nil {
		made, err = a.make(t, r)
	}
	if left, ok := errors.AsType[leftError](err); ok {
		return a.undo(r, left.error)
	}
	if err != nil { // there is nothing yet
		return withError(err, "undoing it", a.forget(r))
	}
	result, err := a.configureItself(made, r, prev, asked)
	if err == nil {
		err = a.stillItself(made, t, r)
	}
	if err == nil {
		err = a.handOut(t, r, prev, result, asked)
	}
	if err != nil {
		return withError(a.undo(r, err), "removing the interface", a.inside.Remove(made.Index))
	}
	return nil
}

// make makes the interface, under its own name or, where the kernel takes that for the
// name of one on the node, under another until it is in the container.
func (a *operation) make(t *target, r *record.Record) (link.Origin, error) {
	spec, err := a.conf.itself.Spec(a.args.Args, t.device.MTU)
	if err != nil {
		return link.Origin{}, fail(types.ErrInternal, "%s: %v", r.DelegateType, err)
	}
	if a.conf.itself.Kind == attach.IPVLAN && a.conf.itself.IPAM == "" && !hasAddress(a.conf) {
		return link.Origin{}, fail(types.ErrInvalidNetworkConfig, `"ipam" is missing: ipvlan does nothing without an address`)
	}
	name := a.args.IfName
	// Without addresses nothing is to be done before it is up.
	err = a.inside.Make(t.device.Index, spec, name, a.conf.itself.IPAM == "" && spec.Kind == attach.MACVLAN)
	if errors.Is(err, syscall.EEXIST) {
		_, err := a.inside.Origin(name)
		if err = a.orOccupied(err); err != nil {
			return link.Origin{}, err
		}
		return a.makeRenamed(t, r, spec)
	}
	if err != nil {
		return link.Origin{}, a.withRival(r, err)
	}
	return a.look(r, name)
}

// hasAddress reports whether a plugin before this one got an address, which ipvlan uses.
func hasAddress(c *conf) bool { return len(addressesOf(c.base[prevResultKey])) > 0 }

// makeRenamed makes the interface under a name that nobody else has, which the record knows
// before, and then gives it its own.
func (a *operation) makeRenamed(t *target, r *record.Record, spec *attach.Spec) (made link.Origin, err error) {
	r.Making = record.MakingName(r.Key)
	if err := a.lock.Write(r); err != nil {
		return made, fail(types.ErrIOFailure, "%v", err)
	}
	if err = a.inside.Make(t.device.Index, spec, r.Making, false); err != nil {
		return made, a.withRival(r, err)
	}
	if made, err = a.look(r, r.Making); err != nil {
		return made, err
	}
	err = a.inside.Rename(made.Index, a.args.IfName)
	if err == nil && a.conf.itself.IPAM == "" && spec.Kind == attach.MACVLAN {
		err = a.inside.SetUp(made.Index)
	}
	if err != nil {
		return made, a.takeBack(made, err)
	}
	r.Making = ""
	return made, nil
}

// A leftError is one after which what was made is in the container still.
type leftError struct{ error }

// takeBack removes what was made, and returns why.
func (a *operation) takeBack(made link.Origin, why error) error {
	if err := a.inside.Remove(made.Index); err != nil {
		return leftError{withError(why, "removing it", err)}
	}
	return why
}

// look reads what was made, and makes sure that it is over the device.
func (a *operation) look(r *record.Record, name string) (link.Origin, error) {
	made, err := a.inside.Origin(name)
	if err != nil {
		return made, leftError{err}
	}
	if err := a.isOver(made, r); err != nil {
		return made, a.takeBack(made, a.changed(err))
	}
	return made, nil
}

// configureItself has the IPAM plugin say what addresses and routes the interface gets, and
// gives it those.
func (a *operation) configureItself(made link.Origin, r *record.Record, prev *current.Result, asked string) (*current.Result, error) {
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion}
	switch {
	case a.conf.itself.IPAM != "":
		got, err := a.askIPAM(r, asked)
		if err != nil {
			return nil, err
		}
		result.IPs, result.Routes = got.IPs, got.Routes
	case r.DelegateType == attach.IPVLAN && prev != nil:
		result.IPs, result.Routes = prev.IPs, prev.Routes
	}
	result.IPs = onFirst(result.IPs)
	result.Interfaces = []*current.Interface{{Name: a.args.IfName, Mac: made.MAC.String(), Sandbox: a.args.Netns}}
	result.DNS = a.conf.itself.DNS
	if len(result.IPs) == 0 {
		return result, nil
	}
	if err := a.inside.Configure(made.Index, a.args.IfName, result); err != nil {
		return nil, fail(types.ErrInternal, "configure %s in the container: %v", a.args.IfName, err)
	}
	return result, nil
}

// onFirst are addresses of the only interface of a result.
func onFirst(ips []*current.IPConfig) (out []*current.IPConfig) {
	for _, ip := range ips {
		its := *ip
		its.Interface = new(0)
		out = append(out, &its)
	}
	return out
}

// askIPAM has the IPAM plugin reserve addresses.
func (a *operation) askIPAM(r *record.Record, asked string) (*current.Result, error) {
	ipam, err := a.program(roleIPAM, a.conf.itself.IPAM, a.args)
	if err != nil {
		return nil, err
	}
	ipam.deadline = a.deadline.Add(-a.patience.delegate) // which leaves the time to undo what it did
	out, err := ipam.call("ADD", r.DelegateConf)
	if err != nil {
		if _, unknown := errors.AsType[noAnswer](err); !unknown {
			r.Failed = fit.Bound(err.Error(), maxStderr)
		}
		return nil, err
	}
	got, err := parseResult(out, asked)
	if err != nil {
		return nil, fail(types.ErrInternal, "%s ADD: %v", ipam.kind, err)
	}
	if len(got.IPs) == 0 {
		return nil, fail(types.ErrInternal, "%s ADD: it gives no address", ipam.kind)
	}
	return got, nil
}

// stillItself makes sure that the device still leads to the network: a cable can move in a
// moment, and an IPAM plugin may take many. A device that has another name by now is the same.
func (a *operation) stillItself(made link.Origin, t *target, r *record.Record) error {
	if got, err := a.inside.Origin(a.args.IfName); err != nil || got.Index != made.Index {
		return fail(types.ErrTryAgainLater, "changed while attaching: somebody renamed, moved or replaced %s in the container", a.args.IfName)
	}
	now, err := a.verified(t)
	if err == nil {
		err = a.stillLeads(t)
	}
	if err != nil {
		return a.changed(err)
	}
	if now.Name == t.device.Name {
		return nil
	}
	t.device, r.Device = now, linkOf(now)
	if r.DelegateConf, err = a.conf.configure(now.Name, t.VID); err != nil {
		return fail(types.ErrInternal, "%v", err)
	}
	return nil
}

// undoItself undoes what the plugin made itself.
func (a *operation) undoItself(u *undoing) (left remainder) {
	left.address = a.freeAddress(u.args, u.conf)
	if u.args.Netns == "" {
		return left
	}
	inside, err := a.kernel.Enter(u.args.Netns)
	if isGone(err) {
		return left
	}
	if err != nil {
		left.device = err
		return left
	}
	defer inside.Close()
	for _, name := range []string{u.args.IfName, u.making} {
		if name != "" && left.device == nil {
			left.device = removeFrom(inside, name, u.ours)
		}
	}
	return left
}

// removeFrom removes an interface from a container if it is the attachment's.
func removeFrom(inside container, name string, ours func(link.Origin) bool) error {
	got, err := inside.Origin(name)
	switch {
	case errors.Is(err, link.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !ours(got): // somebody came first, or later
		return nil
	}
	return inside.Remove(got.Index)
}

// checksItself is the configuration by which the plugin checks an attachment itself: one that
// it made, or one whose delegate is not installed any more. Nil where the delegate does.
func (a *operation) checksItself(r *record.Record, conf []byte) *attach.Config {
	if !r.Itself {
		if _, err := findBinary(roleDelegate, r.DelegateType, a.args.Path); err == nil {
			return nil
		}
	}
	return attach.Read(r.DelegateType, conf)
}

// checkItself compares what is in the container with what ADD made there, and asks the IPAM
// plugin.
func (a *operation) checkItself(c *attach.Config, mtu int, conf []byte) error {
	if _, err := c.Spec(a.args.Args, mtu); err != nil {
		return fail(types.ErrInternal, "%s: %v", c.Kind, err)
	}
	if c.IPAM != "" {
		ipam, err := a.program(roleIPAM, c.IPAM, a.args)
		if err != nil {
			return err
		}
		switch _, err := ipam.call("CHECK", conf); {
		case saysNo("check", err):
			a.sayNoCheck(c.IPAM)
		case err != nil:
			return err
		}
	}
	result, err := a.reported(conf)
	if err != nil {
		return fail(types.ErrInternal, "%v", err)
	}
	inside, err := a.kernel.Enter(a.args.Netns)
	if err == nil {
		defer inside.Close()
		err = inside.Check(a.args.IfName, c, result)
	}
	if err != nil {
		return fail(types.ErrInternal, "container %s is not attached as it should be: %v; restart the container", a.args.ContainerID, err)
	}
	return nil
}

// reported is the result of ADD, as the runtime gives it to CHECK.
func (a *operation) reported(conf []byte) (*current.Result, error) {
	var given struct {
		CNIVersion string          `json:"cniVersion"`
		PrevResult json.RawMessage `json:"prevResult"`
	}
	if err := json.Unmarshal(conf, &given); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if given.PrevResult == nil || isNull(given.PrevResult) {
		return nil, fmt.Errorf("%q is missing: the result of ADD", prevResultKey)
	}
	result, err := parseResult(given.PrevResult, given.CNIVersion)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", prevResultKey, err)
	}
	for _, i := range result.Interfaces {
		if i.Name == a.args.IfName && i.Sandbox == a.args.Netns {
			return result, nil
		}
	}
	return nil, fmt.Errorf("%q has no interface %s in %s", prevResultKey, a.args.IfName, a.args.Netns)
}

// A device has interfaces of one of these kinds, and a macvlan in mode passthru alone. The
// kernel says no more of that than that it is busy, and puts all ipvlans of a device into the
// mode of the last.

// mode is which interface a delegate of that type makes.
type mode struct {
	kind string
	mode attach.Mode
}

func modeOf(kind string, conf []byte) (m mode, ok bool) {
	m.kind = kind
	m.mode, ok = attach.ModeOf(kind, conf)
	return m, ok
}

// excludes reports whether a device cannot have both.
func (m mode) excludes(other mode) bool {
	return m.kind != other.kind || m.switches(other) || m.kind == attach.MACVLAN && (m.mode == attach.Passthru || other.mode == attach.Passthru)
}

// switches reports whether one would change the other, though the kernel makes it.
func (m mode) switches(other mode) bool {
	return m.kind == attach.IPVLAN && other.kind == attach.IPVLAN && m.mode != other.mode
}

// spareMode refuses another mode than that of the ipvlans that a device has. The record is
// written first. So of two that want different modes at once, at least one sees the other.
func (a *operation) spareMode(t *target, r *record.Record) error {
	mine, ok := modeOf(r.DelegateType, r.DelegateConf)
	if !ok || mine.kind != attach.IPVLAN {
		return nil
	}
	records, err := a.store.List()
	if err != nil {
		return fail(types.ErrIOFailure, "%v", err)
	}
	return a.rival(records, t.device.Index, mine.switches)
}

// withRival is the error of an ADD, or where the kernel could not make the interface because
// another container has one, who has.
func (a *operation) withRival(r *record.Record, err error) error {
	mine, ok := modeOf(r.DelegateType, r.DelegateConf)
	if err == nil || !ok {
		return err
	}
	records, _ := a.store.List()
	records = slices.DeleteFunc(records, func(r record.Record) bool { return r.Phase != record.Added })
	if rival := a.rival(records, r.Device.Index, mine.excludes); rival != nil {
		return withError(rival, "said", err)
	}
	return err
}

// rival is the error that names the first container whose interface over a device excludes
// another; nil for none.
func (a *operation) rival(records []record.Record, device int, excludes func(mode) bool) error {
	for i := range records {
		r := &records[i]
		its, ok := modeOf(r.DelegateType, r.DelegateConf)
		if ok && r.Device.Index == device && r.Key != a.key() && !r.Detached && a.isOfThisBoot(r) && excludes(its) {
			return fail(errUnsafe, "container %s (%s) has a %s in mode %s over it, and a device has either macvlans or ipvlans, all ipvlans in one mode, and a macvlan in mode passthru alone; use the same there and here",
				r.ContainerID, r.Pod, its.kind, attach.ModeName(its.kind, its.mode))
		}
	}
	return nil
}
