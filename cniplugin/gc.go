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
	w := &collector{Plugin: p, path: func(*record.Record) string { return args.Path }, garbage: garbage, until: time.Now().Add(p.patience.add)}
	_, err = w.collect(boot, p.records)
	if err = errors.Join(err, p.delegateGC(c, args)); err != nil {
		return fail(types.ErrInternal, "%s: %v", p.about(c), err)
	}
	return nil
}

// A sieve leaves the garbage of some records.
type sieve func([]record.Record) []record.Record

// unwanted returns what tells garbage: what is not listed as valid or, where the
// runtime gives no list, what is garbage for certain.
func unwanted(c *conf, boot string) (sieve, error) {
	raw, ok := c.base[validAttachmentsKey]
	if !ok {
		return leftOver(boot), nil
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

// leftOver returns what tells the records that nobody needs: their network namespace is
// gone for certain, the runtime has called DEL for them, or their ADD was not completed.
// It looks when it is asked: what was made since its records were listed is none of them.
// An ADD that is at work holds its lock.
func leftOver(boot string) sieve {
	return func(all []record.Record) (out []record.Record) {
		netns := make([]record.Netns, len(all))
		for i := range all {
			netns[i] = all[i].Netns
		}
		for i, sight := range record.NewObserver().Look(netns) {
			if r := &all[i]; r.BootID != boot || sight == record.Gone || !r.Unwanted.IsZero() || r.Phase == record.Adding {
				out = append(out, *r)
			}
		}
		return out
	}
}

// A Collected attachment is one of which nothing is left, but for what Reserved says.
type Collected struct {
	record.Record
	Reserved string // the address that its IPAM plugin may still keep, and why; mostly empty
}

// A collector collects garbage.
type collector struct {
	*Plugin
	path    func(*record.Record) string // CNI_PATH
	garbage sieve
	// final has it end what cannot be freed, and say so, rather than try again for ever.
	final bool
	until time.Time // for each; zero for as long as it takes
}

// collect detaches what is garbage, and then removes what killed plugins left.
// Plugins and delegates that are at work are waited for, all in all no longer than
// for one lock.
func (w *collector) collect(boot, dir string) (collected []Collected, err error) {
	store, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &session{Plugin: w.Plugin, boot: boot, store: store}
	deadline := time.Now().Add(w.patience.lock)
	errs := []error{store.Sweep(booted())}
	records, err := store.List()
	errs = append(errs, err)
	for _, r := range w.garbage(records) {
		done, err := w.one(s, deadline, &r)
		errs = append(errs, err)
		if done != nil {
			collected = append(collected, *done)
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

// one collects one attachment; nil where it is not garbage any more.
func (w *collector) one(s *session, deadline time.Time, r *record.Record) (done *Collected, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	lock, err := s.store.Lock(ctx, r.Key)
	if errors.Is(err, record.ErrLocked) {
		return nil, nil // still at work: the next GC sees what becomes of it
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	now, err := lock.Read()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !now.Time.Equal(r.Time) || err == nil && now.Phase != r.Phase {
		return nil, nil // what was at work has finished, and what it left is not what was looked at
	}
	given := object{}
	if len(r.Result) > 0 {
		given[prevResultKey] = r.Result
	}
	stdin, err2 := json.Marshal(given)
	if err2 != nil {
		return nil, fmt.Errorf("encode previous result: %w", err2)
	}
	a := &operation{session: *s, conf: &conf{name: r.Name, network: r.Network}, lock: lock, deadline: w.until, args: &skel.CmdArgs{
		ContainerID: r.ContainerID, IfName: r.IfName, Netns: r.Netns.Path, Args: r.Args, Path: w.path(r), StdinData: stdin,
	}}
	if err != nil || !w.final {
		if err = a.del(now, err); err != nil {
			return nil, err
		}
		return &Collected{Record: *r}, nil
	}
	return a.finally(now)
}

// finally undoes an attachment as far as that is possible, and forgets it unless the
// container has its interface still: what cannot be freed it names.
func (a *operation) finally(r *record.Record) (*Collected, error) {
	left := a.release(r)
	done := &Collected{Record: *r}
	if left.address != nil {
		done.Reserved = reserved(r, left.address)
	}
	if left.device != nil {
		return nil, a.detaching(a.finish(r, left))
	}
	if err := a.forget(r); err != nil {
		return nil, a.detaching(err)
	}
	return done, nil
}

func (p *Plugin) delegateGC(c *conf, args *skel.CmdArgs) error {
	if c.itself != nil { // macvlan and ipvlan have nothing to collect
		return nil
	}
	d, err := p.program(roleDelegate, c.delegateType, args)
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

// Collect detaches the containers whose network namespace is gone, what the runtime's DEL
// could not detach, and what an ADD has begun and not completed, in every network; and it
// removes what killed plugins left: for runtimes that never call GC. What an IPAM plugin
// does not free it names and ends. cniPath is for records that name none. With dryRun it
// only says which they are.
func Collect(recordDir, cniPath string, dryRun bool) ([]Collected, error) {
	p := New()
	boot, err := p.bootID()
	if err != nil {
		return nil, err
	}
	w := &collector{Plugin: p, path: func(r *record.Record) string { return cmp.Or(r.Path, cniPath) }, garbage: leftOver(boot), final: true}
	if !dryRun {
		return w.collect(boot, recordDir)
	}
	list, err := record.List(recordDir)
	var out []Collected
	for _, r := range w.garbage(list.Records) {
		if !record.AtWork(recordDir, r.Key) {
			out = append(out, Collected{Record: r})
		}
	}
	return out, errors.Join(err, list.Why)
}

// Doubtful are the attachments of which this program cannot tell whether their container is
// there: it sees other mounts than the plugin did, and not all processes.
func Doubtful(recordDir string) ([]record.Record, error) {
	boot, err := New().bootID()
	if err != nil {
		return nil, err
	}
	list, err := record.List(recordDir)
	netns := make([]record.Netns, len(list.Records))
	for i := range list.Records {
		netns[i] = list.Records[i].Netns
	}
	var out []record.Record
	for i, sight := range record.NewObserver().Look(netns) {
		if r := &list.Records[i]; sight == record.Unseen && r.BootID == boot && r.Unwanted.IsZero() && r.Phase != record.Adding {
			out = append(out, *r)
		}
	}
	return out, err
}
