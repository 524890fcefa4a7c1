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
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/mapping/nodefile"
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
	ours func(link.Origin) bool // the interface in the container is the attachment's
	// device is the name under which hardware that was moved belongs on the node, and hard
	// that there is any.
	device string
	hard   bool
	itself bool   // the plugin made the interface itself
	making string // what that was called at first; mostly empty
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
		kind: r.DelegateType, args: &args, conf: conf, ours: func(got link.Origin) bool { return a.isOurs(r, got) || replaces(r, got) },
		itself: r.Itself, making: r.Making, device: movedLink(r).Name, hard: r.Taken || chosenBy(r) != "",
	})
	if left.device == nil && !r.Detached {
		left.device = a.bringBack(r, args.Netns)
	}
	_, lost := same(a.kernel, r.Device)
	if lost != nil || leavesNothing(r.DelegateType) || r.Failed != "" || a.neverCame(r) {
		left.delegate = nil
	}
	return left
}

// replaces reports whether somebody has put an interface of the same kind into the place of
// one that the plugin made itself. A delegate would remove it, by its name: the container has
// no other use for that.
func replaces(r *record.Record, got link.Origin) bool {
	return r.Itself && r.Phase == record.Added && string(got.Kind) == r.DelegateType
}

// leavesNothing reports whether a delegate of this type has done nothing but what the
// plugin sees itself: the interface and the address.
func leavesNothing(kind string) bool {
	p, known := profiles[kind]
	return known && (p.use == over || p.use == tagged || p.use == taken)
}

// neverCame reports whether there never was an attachment, and no address need be freed:
// because its IPAM plugin refused the configuration, which it goes on to do in DEL, or
// because the ADD failed, or was killed, some time ago.
func (a *operation) neverCame(r *record.Record) bool {
	since := a.now().Sub(r.Time)
	return r.Refused || r.Failed != "" && since > failedAfter || r.Phase == record.Adding && since > abandonAfter
}

// undoWith has the delegate undo what it did, and does what it does not. A delegate whose
// device or namespace is gone may fail before it frees the address, or not even try.
func (a *operation) undoWith(u *undoing) (left remainder) {
	if u.itself {
		return a.undoItself(u)
	}
	if known, ok := profiles[u.kind]; ok && known.use != function && u.args.Netns == "" {
		return remainder{address: a.freeAddress(u.args, u.conf)} // the delegate would do no more
	}
	d, err := a.program(roleDelegate, u.kind, u.args)
	if err == nil {
		_, err = d.call("DEL", u.conf)
	}
	if err == nil && u.args.Netns != "" {
		if a.odd {
			left.address = a.freeAddress(u.args, u.conf)
		}
		left.device = a.remove(u, errors.New("the delegate leaves the interface"))
		return left
	}
	left.address, left.delegate = a.freeAddress(u.args, u.conf), err
	if u.args.Netns == "" || !a.has(u) {
		return left
	}
	if d != nil && ipamType(u.conf) != "" { // most delegates ask their IPAM plugin first
		if _, again := d.call("DEL", without(u.conf, "ipam")); again == nil {
			left.delegate = nil
		}
	}
	left.device = a.remove(u, err)
	return left
}

// remove takes an interface that the delegate leaves out of the container, unless it is of
// somebody else, who came first or later.
func (a *operation) remove(u *undoing, cause error) error {
	if !a.has(u) {
		return nil
	}
	var err error
	if u.hard {
		err = a.kernel.MoveOut(u.args.Netns, u.args.IfName, u.device)
	} else {
		err = a.kernel.DeleteIn(u.args.Netns, u.args.IfName)
	}
	if err == nil || a.interfaceGone(u.args) { // it may have come out, and not got its name
		return nil
	}
	return withError(cause, "and the plugin cannot take it away itself", err)
}

// isOurs reports whether the interface in the container is the attachment's: it has the
// MAC address that the delegate reported, it is over the attachment's device, or it is the
// hardware that was moved.
func (a *operation) isOurs(r *record.Record, got link.Origin) bool {
	chosen := chosenBy(r)
	switch p, known := profiles[r.DelegateType]; {
	case r.Taken || chosen != "":
		return isMoved(got.Interface, movedLink(r)) || chosen != "" && got.Function == chosen
	case !stacked[got.Kind] && got.Kind != "veth":
		return false // nobody knows how to take it away
	case reports(r.Result, r.IfName, got.MAC.String()):
		return true
	case known && p.use == bridged:
		return a.isBridged(got, r) == nil
	default:
		return stacked[got.Kind] && a.isOver(got, r) == nil
	}
}

// has reports whether the container has the interface of the attachment still.
func (a *operation) has(u *undoing) bool {
	got, err := a.kernel.OriginIn(u.args.Netns, u.args.IfName)
	return err == nil && u.ours(got)
}

// hasOurs reports whether the interface of a record is in the namespace at path.
func (a *operation) hasOurs(r *record.Record, path string) bool {
	for _, name := range []string{r.IfName, r.Making} {
		if name == "" { // of what has its own name already
			continue
		}
		got, err := a.kernel.OriginIn(path, name)
		if err == nil && (reports(r.Result, r.IfName, got.MAC.String()) || a.isOurs(r, got)) {
			return true
		}
	}
	return false
}

// isMoved reports whether hardware is what an attachment moved: two of its ifindex, its MAC
// address and its name, which host-device keeps as alias, agree. Each namespace counts its
// own indexes, and a container can change the other two.
func isMoved(i discovery.Interface, was nodefile.Link) bool {
	if was.Index == 0 || stacked[i.Kind] || i.Kind.JoinsPorts() {
		return false
	}
	n := 0
	for _, agrees := range []bool{i.Index == was.Index, i.MAC.String() == was.MAC, i.Alias == was.Name || i.Name == was.Name} {
		if agrees {
			n++
		}
	}
	return n >= 2
}

// freeAddress runs DEL of the IPAM plugin, if the configuration has one.
func (a *operation) freeAddress(args *skel.CmdArgs, conf []byte) error {
	kind := ipamType(conf)
	if kind == "" {
		return nil
	}
	ipam, err := a.program(roleIPAM, kind, args)
	if err != nil {
		return err
	}
	_, err = ipam.call("DEL", conf)
	return err
}

// isRefusal reports whether an IPAM plugin complains in DEL as it did in ADD, of which the
// delegate told: it did not read its configuration, so it did nothing.
func isRefusal(add, del error) bool {
	said := del.Error()
	if e, ok := errors.AsType[*types.Error](del); ok {
		said = e.Msg
	}
	if _, words, ok := strings.Cut(said, " DEL: "); ok {
		said = words
	}
	verbs := strings.NewReplacer("ADD", "", "DEL", "")
	said = verbs.Replace(said)
	return said != "" && strings.Contains(verbs.Replace(add.Error()), said)
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
