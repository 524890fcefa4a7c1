// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery/link"
)

// A remainder is what is left of an attachment after all was tried. Each part is tried
// whatever becomes of the others: a delegate that does not read its configuration, or
// asks its IPAM plugin first, is no reason to leave an interface in a container.
type remainder struct {
	device   error // the container has the interface still, or the node lacks its device
	address  error // the IPAM plugin does not free the address
	delegate error // the delegate complains, though nothing of it can be seen any more
}

// unfinished is why somebody has to try again; nil where nothing need be done.
func (l remainder) unfinished() error { return cmp.Or(l.device, l.address, l.delegate) }

// undoing is who undoes an attachment, with what, and what it is about.
type undoing struct {
	kind string // of the delegate
	args *skel.CmdArgs
	conf []byte
	ours func() bool // the interface in the container is the attachment's
	// device is the name under which hardware that was moved belongs on the node, and hard
	// that there is any.
	device string
	hard   bool
}

// release undoes an attachment, as far as that is possible.
func (a *operation) release(r *record.Record) remainder {
	conf, err := withPrevResult(r.DelegateConf, a.args.StdinData)
	if err != nil {
		return remainder{device: err}
	}
	args := *a.args
	args.Netns = a.liveNetns(r)
	if args.Args == "" {
		args.Args = r.Args
	}
	left := a.undoWith(&undoing{
		kind: r.DelegateType, args: &args, conf: conf, ours: func() bool { return a.isOurs(r, args.Netns) },
		device: movedLink(r).Name, hard: r.Taken || chosenBy(r) != "",
	})
	if left.device == nil {
		left.device = a.bringBack(r)
	}
	_, lost := same(a.kernel, r.Device)
	if lost != nil || leavesNothing(r.DelegateType) || a.neverCame(r) {
		left.delegate = nil
	}
	return left
}

// leavesNothing reports whether a delegate of this type has done nothing but what the
// plugin sees itself: the interface and the address.
func leavesNothing(kind string) bool {
	p, known := profiles[kind]
	return known && (p.use == over || p.use == tagged || p.use == taken)
}

// neverCame reports whether there never was an attachment, and none of its address can be
// in use: its delegate said that it failed, or was killed with its plugin some time ago.
// Who refuses a configuration refuses it in DEL, too, and for ever.
func (a *operation) neverCame(r *record.Record) bool {
	return r.Failed != "" || r.Phase == record.Adding && r.Result == nil && a.now().Sub(r.Time) > abandonAfter
}

// undoWith has the delegate undo what it did, and does what it does not. A delegate whose
// device or namespace is gone may fail before it frees the address, or not even try.
func (a *operation) undoWith(u *undoing) (left remainder) {
	if known, ok := profiles[u.kind]; ok && known.use != function && u.args.Netns == "" {
		return remainder{address: a.freeAddress(u.args, u.conf)} // the delegate would do no more
	}
	d, err := a.program(roleDelegate, u.kind, u.args)
	if err == nil {
		_, err = d.call("DEL", u.conf)
	}
	if err == nil && u.args.Netns != "" {
		return remainder{}
	}
	left.address, left.delegate = a.freeAddress(u.args, u.conf), err
	if u.args.Netns == "" || a.interfaceGone(u.args) {
		return left
	}
	if d != nil && ipamType(u.conf) != "" { // most delegates ask their IPAM plugin first
		if _, again := d.call("DEL", without(u.conf, "ipam")); again == nil {
			left.delegate = nil
		}
		if a.interfaceGone(u.args) {
			return left
		}
	}
	left.device = a.remove(u, err)
	return left
}

// remove takes an interface that the delegate leaves out of the container.
func (a *operation) remove(u *undoing, cause error) error {
	if !u.ours() {
		return nil // it is of somebody else, who came first or later
	}
	var err error
	if u.hard {
		err = a.kernel.MoveOut(u.args.Netns, u.args.IfName, u.device)
	} else {
		err = a.kernel.DeleteIn(u.args.Netns, u.args.IfName)
	}
	if err == nil || isGone(err) {
		return nil
	}
	return withError(cause, "and the plugin cannot take it away itself", err)
}

// isOurs reports whether the interface in the container is the attachment's: it is over
// its device, or has the MAC address that the delegate reported.
func (a *operation) isOurs(r *record.Record, netns string) bool {
	got, err := a.kernel.OriginIn(netns, r.IfName)
	if err != nil {
		return false
	}
	hard := r.Taken || chosenBy(r) != ""
	if soft := stacked[got.Kind] || got.Kind == "veth"; !soft && !hard {
		return false // nobody knows how to take it away
	}
	return a.isInside(r, netns) || a.madeIn(r, netns) == nil
}

// freeAddress runs DEL of the IPAM plugin, if the configuration has one. Where that fails
// and the runtime's configuration, which may have been corrected, says something else,
// it is asked with that, too.
func (a *operation) freeAddress(args *skel.CmdArgs, conf []byte) error {
	kind := ipamType(conf)
	if kind == "" {
		return nil
	}
	ipam, err := a.program(roleIPAM, kind, args)
	if err != nil {
		return err
	}
	if _, err = ipam.call("DEL", conf); err == nil {
		return nil
	}
	if other := withIPAMOf(conf, args.StdinData); other != nil {
		if _, again := ipam.call("DEL", other); again == nil {
			return nil
		}
	}
	return err
}

// without is a configuration without a key.
func without(conf []byte, key string) []byte {
	o := object{}
	if json.Unmarshal(conf, &o) != nil {
		return conf
	}
	delete(o, key)
	out, err := json.Marshal(o)
	if err != nil {
		return conf
	}
	return out
}

// withIPAMOf is a configuration with the IPAM plugin's part of another one; nil where that
// is of another plugin, or says the same.
func withIPAMOf(conf, other []byte) []byte {
	var mine, theirs object
	if json.Unmarshal(conf, &mine) != nil || json.Unmarshal(other, &theirs) != nil ||
		ipamType(other) != ipamType(conf) || string(mine["ipam"]) == string(theirs["ipam"]) {
		return nil
	}
	mine["ipam"] = theirs["ipam"]
	out, err := json.Marshal(mine)
	if err != nil {
		return nil
	}
	return out
}

// interfaceGone reports whether there is nothing left in the container that the
// delegate could have removed.
func (a *operation) interfaceGone(args *skel.CmdArgs) bool {
	_, err := a.kernel.InNetns(args.Netns, args.IfName)
	return isGone(err)
}

// isGone reports whether an interface in a namespace could not be read because it, or the
// namespace, is not there.
func isGone(err error) bool {
	notNetns := errors.Is(err, syscall.EINVAL) // a file that one was mounted on
	return errors.Is(err, link.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || notNetns
}

// reserved says what may still be reserved of an attachment whose address could not be
// freed.
func reserved(r *record.Record, why error) string {
	what := "an address"
	if list := addressesOf(r.Result); len(list) > 0 {
		what = strings.Join(atMost(list), ", ")
	}
	return oneLine(fmt.Sprintf("%s of the IPAM plugin %s may still be reserved for container %s, %s: %v",
		what, cmp.Or(ipamType(r.DelegateConf), "(unknown)"), r.ContainerID, r.IfName, why))
}

// addressesOf lists the addresses of a result, of any version.
func addressesOf(result []byte) (list []string) {
	type address struct {
		Address string `json:"address"` // from version 0.3.0 on
		IP      string `json:"ip"`      // before
	}
	var shape struct {
		IPs []*address `json:"ips"`
		IP4 *address   `json:"ip4"`
		IP6 *address   `json:"ip6"`
	}
	if json.Unmarshal(result, &shape) != nil {
		return nil
	}
	for _, ip := range append(shape.IPs, shape.IP4, shape.IP6) {
		if ip != nil && ip.Address+ip.IP != "" {
			list = append(list, cmp.Or(ip.Address, ip.IP))
		}
	}
	return list
}
