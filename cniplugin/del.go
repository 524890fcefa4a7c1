// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/fit"
)

// Del detaches a container. It asks the record and never resolves a name again,
// so it works whatever has become of the network, the device, the namespace and
// the rules since.
func (p *Plugin) Del(args *skel.CmdArgs) error {
	c, _ := parseConf(args.StdinData) // a record needs none of what can be wrong there
	if err := p.detach(c, args); err != nil {
		return err
	}
	p.tidy(c, args.Path)
	return nil
}

func (p *Plugin) detach(c *conf, args *skel.CmdArgs) error {
	a, err := p.locked(c, args, p.patience.del)
	if err != nil {
		return err
	}
	defer a.end()
	a.wanted = true
	r, err := a.lock.Read()
	if err == nil { // without a record it does not matter which boot this is
		if a.boot, err = p.bootID(); err != nil {
			return prefixed(p.about(c), err)
		}
	}
	if err := a.del(r, err); err != nil {
		return prefixed(a.about(a.conf), err)
	}
	return nil
}

// del undoes the attachment whose record was read, or could not be. On an error the record
// stays for the next try.
func (a *operation) del(r *record.Record, err error) error {
	switch {
	case err == nil:
		left := a.release(r)
		if err = a.finish(r, left); err == nil && left.address != nil {
			a.say(a.conf, "%s", reserved(r, left.address))
		}
	case errors.Is(err, fs.ErrNotExist):
		left := a.releaseUnrecorded()
		// What the plugin has no record of it has undone before, or never made: an ADD that
		// failed early also ends here, and what refused it goes on to refuse.
		if err = left.device; err == nil {
			if left.unfinished() != nil {
				a.say(a.conf, "container %s, %s, of which there is no record: %v", a.args.ContainerID, a.args.IfName, left.unfinished())
			}
			err = a.lock.Remove()
		}
	case errors.Is(err, record.ErrDamaged) || errors.Is(err, record.ErrLater):
		if err = a.releaseUnrecorded().unfinished(); err == nil {
			err = a.lock.Remove()
		}
	}
	if err == nil {
		return nil
	}
	return a.detaching(err)
}

// detaching says what an error of DEL or GC is about.
func (a *operation) detaching(err error) error {
	return prefixed(fmt.Sprintf("detach %s of container %s", a.args.IfName, a.args.ContainerID), err)
}

// finish removes the record of an attachment that was undone. Where something is left that
// somebody has to try again, it keeps in mind what.
func (a *operation) finish(r *record.Record, left remainder) error {
	err := left.unfinished()
	if left.device == nil && a.neverCame(r) {
		err = nil
	}
	if err == nil {
		return a.forget(r)
	}
	if a.wanted && r.Unwanted.IsZero() {
		r.Unwanted = a.now().UTC().Round(0)
	}
	r.Detached = left.device == nil
	r.Stuck = fit.Bound(oneLine(err.Error()), maxStderr)
	return withError(err, "keeping that in mind", a.lock.Write(r))
}

// raising sets the device up that comes back to the node meanwhile, where no record tells
// which it is: host-device leaves it down, and nobody could hear the switch there any
// more. It was up when it was taken.
func (a *operation) raising(undo func() remainder) remainder {
	before, err := a.kernel.List()
	if err != nil {
		return remainder{device: err}
	}
	left := undo()
	after, err := a.kernel.List()
	if err != nil {
		left.device = cmp.Or(left.device, err)
		return left
	}
	for _, i := range after {
		was := func(b discovery.Interface) bool { return b.Index == i.Index }
		if !i.Up && !slices.ContainsFunc(before, was) {
			left.device = cmp.Or(left.device, a.kernel.SetUp(i.Index))
			break
		}
	}
	return left
}

// releaseUnrecorded is release where the record is lost: the delegate can still free the
// address and remove the interface.
func (a *operation) releaseUnrecorded() remainder {
	c, err := parseConf(a.args.StdinData)
	if kind := cmp.Or(c.ipamType(), ipamType(a.args.StdinData)); kind != "" {
		if _, missing := findBinary(roleIPAM, kind, a.args.Path); missing != nil {
			return remainder{} // no ADD can have come past this
		}
	}
	if err == nil && c.itself == nil {
		_, err = findBinary(roleDelegate, c.delegateType, a.args.Path)
	}
	if err != nil { // nor past this, unless something was changed since
		return remainder{address: a.freeAddress(a.args, a.args.StdinData)}
	}
	// Plugins read the whole configuration, though DEL needs no device: one that is
	// always there will do.
	conf, err := c.configure("lo", 1)
	if err != nil {
		return remainder{device: err}
	}
	args := *a.args
	if a.isOthers(args.Netns) {
		args.Netns = "" // nothing in it is this container's
	}
	u := &undoing{kind: c.delegateType, args: &args, conf: conf, ours: func(got link.Origin) bool { return a.isReported(c, got) }, itself: c.itself != nil}
	undo := func() remainder { return a.undoWith(u) }
	if c.profile.use == taken && c.chosen == "" {
		return a.raising(undo)
	}
	return undo()
}

// isOthers reports whether a namespace is one that another container is recorded to have:
// its path was used again.
func (a *operation) isOthers(netns string) bool {
	boot, err := a.kernel.BootID()
	if err != nil || netns == "" {
		return false
	}
	ino, err := inode(netns)
	if err != nil {
		return false
	}
	records, _ := a.store.List()
	return slices.ContainsFunc(records, func(r record.Record) bool {
		return r.Netns.Inode == ino && r.BootID == boot && r.ContainerID != a.args.ContainerID
	})
}

// isReported reports whether the interface in the container is the one that the runtime
// was told by an ADD, made in software.
func (a *operation) isReported(c *conf, got link.Origin) bool {
	return c.profile.use != taken && c.profile.use != function && (stacked[got.Kind] || got.Kind == "veth") &&
		reports(c.base[prevResultKey], a.args.IfName, got.MAC.String())
}

// liveNetns is the path of the recorded namespace, or empty where it is gone;
// delegates understand that. A path alone could be another's by now. A runtime that
// names none usually means that it is gone, so then only the attachment's interface in
// it proves that it is there.
func (a *operation) liveNetns(r *record.Record) string {
	if !a.isOfThisBoot(r) {
		return ""
	}
	for _, path := range []string{a.args.Netns, r.Netns.Path} {
		if ino, err := inode(path); err == nil && ino == r.Netns.Inode && (a.args.Netns != "" || a.hasOurs(r, path)) {
			return path
		}
	}
	return ""
}

// reports reports whether a result has an interface of a container with that name and MAC
// address.
func reports(result []byte, ifname, mac string) bool {
	var shape struct {
		Interfaces []struct{ Name, Mac, Sandbox string }
	}
	if json.Unmarshal(result, &shape) != nil {
		return false
	}
	for _, i := range shape.Interfaces {
		if i.Name == ifname && i.Sandbox != "" && i.Mac == mac {
			return true
		}
	}
	return false
}

// withPrevResult gives a recorded configuration the result that the runtime
// passes to DEL and CHECK, with the version that goes with it.
func withPrevResult(recorded, stdin []byte) ([]byte, error) {
	conf, given := object{}, object{}
	if err := errors.Join(json.Unmarshal(recorded, &conf), json.Unmarshal(stdin, &given)); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	if conf == nil || given == nil {
		return nil, errors.New("parse configuration: it is null")
	}
	delete(conf, prevResultKey)
	if result, ok := given[prevResultKey]; ok {
		conf[prevResultKey] = result
		if version, ok := given["cniVersion"]; ok {
			conf["cniVersion"] = version
		}
	}
	out, err := json.Marshal(conf)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return out, nil
}
