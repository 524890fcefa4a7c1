// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// Del detaches a container. It asks the record and never resolves a name again,
// so it works whatever has become of the network, the device, the namespace and
// the rules since.
func (p *Plugin) Del(args *skel.CmdArgs) error {
	c, _ := parseConf(args.StdinData) // a record needs none of what can be wrong there
	a, err := p.begin(c, args)
	if err != nil {
		return err
	}
	defer a.end()
	return a.del()
}

// del runs the delegate's DEL and then removes the record. On an error the
// record stays for the next try.
func (a *attachment) del() error {
	r, err := a.lock.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, record.ErrDamaged):
		err = a.delUnrecorded()
	case err == nil:
		err = a.delRecorded(r)
	}
	if err == nil {
		err = a.lock.Remove()
	}
	if err == nil {
		return nil
	}
	return prefixed(fmt.Sprintf("%s: detach %s of container %s", a.about(a.conf), a.args.IfName, a.args.ContainerID), err)
}

func (a *attachment) delRecorded(r *record.Record) error {
	conf, err := withPrevResult(r.DelegateConf, a.args.StdinData)
	if err != nil {
		return err
	}
	args := *a.args
	args.Netns = a.liveNetns(r)
	if args.Args == "" {
		args.Args = r.Args
	}
	d, err := a.newDelegate(r.DelegateType, &args, a.lock.File())
	if err != nil {
		return err
	}
	_, err = d.call("DEL", conf)
	return err
}

// delUnrecorded is for a record that is lost: the delegate can still free the
// address and remove the interface. An ADD that failed early also ends here, so
// what would have refused the ADD is no error.
func (a *attachment) delUnrecorded() error {
	c, err := parseConf(a.args.StdinData)
	if err != nil {
		return nil // no ADD can have come past this
	}
	d, err := a.newDelegate(c.delegate, a.args, a.lock.File())
	if err != nil {
		return nil // as above
	}
	conf, err := json.Marshal(c.base)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	_, err = d.call("DEL", conf)
	return err
}

// liveNetns is the path of the recorded namespace, or empty where it is gone or
// the runtime says so; delegates understand that. A path alone could be
// another's by now.
func (a *attachment) liveNetns(r *record.Record) string {
	if a.args.Netns == "" || !a.sameBoot(r) {
		return ""
	}
	for _, path := range []string{a.args.Netns, r.Netns.Path} {
		if ino, err := inode(path); err == nil && ino == r.Netns.Inode {
			return path
		}
	}
	return ""
}

// sameBoot reports whether what the record says of the kernel still means
// anything.
func (a *attachment) sameBoot(r *record.Record) bool {
	boot, err := a.kernel.BootID()
	return err == nil && boot == r.BootID
}

// withPrevResult gives a recorded configuration the result that the runtime
// passes to DEL and CHECK, with the version that goes with it.
func withPrevResult(recorded, stdin []byte) ([]byte, error) {
	conf, given := object{}, object{}
	if err := errors.Join(json.Unmarshal(recorded, &conf), json.Unmarshal(stdin, &given)); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	delete(conf, "prevResult")
	if result, ok := given["prevResult"]; ok {
		conf["prevResult"], conf["cniVersion"] = result, given["cniVersion"]
	}
	out, err := json.Marshal(conf)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return out, nil
}
