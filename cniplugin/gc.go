// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// GC detaches what the runtime does not list as valid any more, in its own
// network only.
func (p *Plugin) GC(args *skel.CmdArgs) error {
	c, err := p.configuration(args)
	if err != nil {
		return err
	}
	boot, err := p.bootID()
	if err != nil {
		return prefixed(p.about(c), err)
	}
	unwanted, err := unwanted(c, boot)
	if err != nil {
		return prefixed(p.about(c), err)
	}
	garbage := func(all []record.Record) []record.Record {
		return unwanted(slices.DeleteFunc(all, func(r record.Record) bool { return r.Name != c.name }))
	}
	path := func(*record.Record) string { return args.Path }
	_, err = p.collect(boot, c.recordDir, path, garbage)
	if err = errors.Join(err, p.delegateGC(c, args)); err != nil {
		return fail(types.ErrInternal, "%s: %v", p.about(c), err)
	}
	return nil
}

// A sieve leaves the garbage of some records.
type sieve func([]record.Record) []record.Record

// unwanted returns what tells garbage: what is not listed as valid or, where the
// runtime gives no list, what is gone for certain.
func unwanted(c *conf, boot string) (sieve, error) {
	raw, ok := c.base[validAttachmentsKey]
	if !ok {
		return gone(boot), nil
	}
	var valid []types.GCAttachment
	if err := json.Unmarshal(raw, &valid); err != nil || isNull(raw) {
		return nil, fail(types.ErrInvalidNetworkConfig, "%q is no list, so nothing is known to be garbage", validAttachmentsKey)
	}
	return func(all []record.Record) []record.Record {
		return slices.DeleteFunc(all, func(r record.Record) bool {
			return slices.Contains(valid, types.GCAttachment{ContainerID: r.ContainerID, IfName: r.IfName})
		})
	}, nil
}

// gone returns what tells the records whose network namespace is gone for certain. It
// looks when it is asked: what was made since its records were listed is none of them.
func gone(boot string) sieve {
	return func(all []record.Record) (out []record.Record) {
		netns := make([]record.Netns, len(all))
		for i := range all {
			netns[i] = all[i].Netns
		}
		for i, sight := range record.NewObserver().Look(netns) {
			if all[i].BootID != boot || sight == record.Gone {
				out = append(out, all[i])
			}
		}
		return out
	}
}

// collect detaches what is garbage, and then removes what killed plugins left.
// Plugins and delegates that are at work are waited for, all in all no longer than
// for one lock.
func (p *Plugin) collect(boot, dir string, cniPath func(*record.Record) string, garbage sieve) (collected []record.Record, err error) {
	store, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &session{Plugin: p, boot: boot, store: store}
	deadline := time.Now().Add(p.lockWait)
	errs := []error{store.Sweep(booted())}
	records, err := store.List()
	errs = append(errs, err)
	for _, r := range garbage(records) {
		done, err := s.collectOne(deadline, cniPath(&r), &r)
		errs = append(errs, err)
		if done {
			collected = append(collected, r)
		}
	}
	errs = append(errs, s.sweepVLANs(deadline))
	return collected, errors.Join(errs...)
}

// booted is when the machine was started; the beginning of time where that cannot be
// told.
func booted() time.Time {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(info.Uptime) * time.Second)
}

func (s *session) collectOne(deadline time.Time, cniPath string, r *record.Record) (done bool, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	lock, err := s.store.Lock(ctx, r.Key)
	if errors.Is(err, record.ErrLocked) {
		return false, nil // still at work: the next GC sees what becomes of it
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	now, err := lock.Read()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !now.Time.Equal(r.Time) || err == nil && now.Phase != r.Phase {
		return false, nil // what was at work has finished, and what it left is not what was looked at
	}
	given := object{}
	if len(r.Result) > 0 {
		given[prevResultKey] = r.Result
	}
	stdin, err := json.Marshal(given)
	if err != nil {
		return false, fmt.Errorf("encode previous result: %w", err)
	}
	a := &operation{session: *s, conf: &conf{name: r.Name, network: r.Network}, lock: lock, args: &skel.CmdArgs{
		ContainerID: r.ContainerID, IfName: r.IfName, Netns: r.Netns.Path, Args: r.Args, Path: cniPath, StdinData: stdin,
	}}
	err = a.del(now, err)
	return err == nil, err
}

func (p *Plugin) delegateGC(c *conf, args *skel.CmdArgs) error {
	d, err := p.findDelegate(c.delegateType, args, nil)
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

// Collect detaches the containers whose network namespace is gone, in every network,
// and removes what killed plugins left: for runtimes that never call GC. cniPath is
// for records that name none. With dryRun it only says which they are.
func Collect(recordDir, cniPath string, dryRun bool) ([]record.Record, error) {
	p := New()
	boot, err := p.bootID()
	if err != nil {
		return nil, err
	}
	gone := gone(boot)
	if dryRun {
		list, err := record.List(recordDir)
		return gone(list.Records), errors.Join(err, list.Why)
	}
	path := func(r *record.Record) string { return cmp.Or(r.Path, cniPath) }
	return p.collect(boot, recordDir, path, gone)
}
