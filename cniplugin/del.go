// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// Del detaches a container. It asks the record and never resolves a name again,
// so it works whatever has become of the network, the device, the namespace and
// the rules since.
func (p *Plugin) Del(args *skel.CmdArgs) error {
	c, _ := parseConf(args.StdinData) // a record needs none of what can be wrong there
	a, err := p.locked(c, args)
	if err != nil {
		return err
	}
	defer a.end()
	r, err := a.lock.Read()
	if err == nil { // without a record it does not matter which boot this is
		if a.boot, err = p.bootID(); err != nil {
			return prefixed(p.about(c), err)
		}
	}
	return a.del(r, err)
}

// del runs the delegate's DEL and then removes the record that was read. On an error
// the record stays for the next try.
func (a *operation) del(r *record.Record, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, record.ErrDamaged) || errors.Is(err, record.ErrLater):
		r, err = nil, a.delUnrecorded()
	case err == nil:
		err = a.delRecorded(r)
	}
	if err == nil {
		err = a.forget(r)
	}
	if err == nil {
		return nil
	}
	return prefixed(fmt.Sprintf("%s: detach %s of container %s", a.about(a.conf), a.args.IfName, a.args.ContainerID), err)
}

func (a *operation) delRecorded(r *record.Record) error {
	conf, err := withPrevResult(r.DelegateConf, a.args.StdinData)
	if err != nil {
		return err
	}
	args := *a.args
	args.Netns = a.liveNetns(r)
	if args.Args == "" {
		args.Args = r.Args
	}
	d, err := a.findDelegate(r.DelegateType, &args, a.lock.File())
	if err != nil {
		return err
	}
	_, lost := same(a.kernel, r.Device)
	// host-device complains where there is nothing to move back, also when it did that.
	moves := profiles[r.DelegateType].use == taken
	detach := func() error { return a.detach(d, &args, conf, lost != nil || moves) }
	if r.Taken {
		return a.raising(detach)
	}
	return detach()
}

// raising sets the device up that comes back to the node meanwhile: host-device leaves
// it down, and nobody could hear the switch there any more. It was up when it was
// taken.
func (a *operation) raising(detach func() error) error {
	before, err := a.kernel.List()
	if err == nil {
		err = detach()
	}
	if err != nil {
		return err
	}
	after, err := a.kernel.List()
	if err != nil {
		return err
	}
	for _, i := range after {
		was := func(b discovery.Interface) bool { return b.Index == i.Index }
		if !i.Up && !slices.ContainsFunc(before, was) {
			return a.kernel.SetUp(i.Index)
		}
	}
	return nil
}

// delUnrecorded is for a record that is lost: the delegate can still free the
// address and remove the interface. An ADD that failed early also ends here, so
// what would have refused the ADD is no error.
func (a *operation) delUnrecorded() error {
	c, err := parseConf(a.args.StdinData)
	if kind := cmp.Or(c.ipamType(), ipamType(a.args.StdinData)); kind != "" {
		if _, missing := findBinary("IPAM", kind, a.args.Path); missing != nil {
			return nil // no ADD can have come past this
		}
	}
	var d *program
	if err == nil {
		d, err = a.findDelegate(c.delegateType, a.args, a.lock.File())
	}
	if err != nil { // nor past this, unless something was changed since
		return a.freeAddress(a.args, a.args.StdinData)
	}
	// Plugins read the whole configuration, though DEL needs no device: one that is
	// always there will do.
	conf, err := c.configure("lo", 1)
	if err != nil {
		return err
	}
	detach := func() error { return a.detach(d, a.args, conf, true) }
	if c.profile.use == taken && c.chosen == "" {
		return a.raising(detach)
	}
	return detach()
}

// detach runs the delegate's DEL. A delegate whose device or namespace is gone may
// fail before it frees the address, or not even try; then the IPAM plugin is called
// here. lost says that the device is gone, or that nothing is known of it: what the
// delegate complains of then counts only while the container has its interface.
func (a *operation) detach(d *program, args *skel.CmdArgs, conf []byte, lost bool) error {
	_, err := d.call("DEL", conf)
	if err == nil && args.Netns != "" {
		return nil
	}
	if ipamErr := a.freeAddress(args, conf); ipamErr != nil {
		return cmp.Or(err, ipamErr)
	}
	if args.Netns == "" || lost && a.interfaceGone(args) {
		return nil
	}
	return err
}

// freeAddress runs DEL of the IPAM plugin, if the configuration has one.
func (a *operation) freeAddress(args *skel.CmdArgs, conf []byte) error {
	kind := ipamType(conf)
	if kind == "" {
		return nil
	}
	ipam, err := a.findProgram("IPAM", kind, args, a.lock.File())
	if err != nil {
		return err
	}
	_, err = ipam.call("DEL", conf)
	return err
}

// interfaceGone reports whether there is nothing left in the container that the
// delegate could have removed.
func (a *operation) interfaceGone(args *skel.CmdArgs) bool {
	_, err := a.kernel.InNetns(args.Netns, args.IfName)
	notNetns := errors.Is(err, syscall.EINVAL) // a file that one was mounted on
	return errors.Is(err, link.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || notNetns
}

// liveNetns is the path of the recorded namespace, or empty where it is gone;
// delegates understand that. A path alone could be another's by now. A runtime that
// names none usually means that it is gone, so then only the interface's MAC address
// proves that it is there.
func (a *operation) liveNetns(r *record.Record) string {
	if !a.isOfThisBoot(r) {
		return ""
	}
	for _, path := range []string{a.args.Netns, r.Netns.Path} {
		if ino, err := inode(path); err == nil && ino == r.Netns.Inode && (a.args.Netns != "" || a.isInside(r, path)) {
			return path
		}
	}
	return ""
}

// isInside reports whether the interface in the namespace at path is the one that the
// record's result lists.
func (a *operation) isInside(r *record.Record, path string) bool {
	var result struct {
		Interfaces []struct{ Name, Mac, Sandbox string }
	}
	there, err := a.kernel.InNetns(path, r.IfName)
	if err != nil || json.Unmarshal(r.Result, &result) != nil {
		return false
	}
	for _, i := range result.Interfaces {
		if i.Name == r.IfName && i.Sandbox != "" && i.Mac == there.MAC.String() {
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
