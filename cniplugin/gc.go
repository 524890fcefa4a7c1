// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	garbage := func(r *record.Record) bool { return r.Name == c.name && unwanted(r) }
	path := func(*record.Record) string { return args.Path }
	_, err = p.collect(boot, c.recordDir, path, garbage)
	if err = errors.Join(err, p.delegateGC(c, args)); err != nil {
		return fail(types.ErrInternal, "%s: %v", p.about(c), err)
	}
	return nil
}

// unwanted returns what tells garbage: what is not listed as valid or, where the
// runtime gives no list, what is gone for certain.
func unwanted(c *conf, boot string) (func(*record.Record) bool, error) {
	raw, ok := c.base[validAttachmentsKey]
	if !ok {
		return gone(boot)
	}
	var valid []types.GCAttachment
	if err := json.Unmarshal(raw, &valid); err != nil || isNull(raw) {
		return nil, fail(types.ErrInvalidNetworkConfig, "%q is no list, so nothing is known to be garbage", validAttachmentsKey)
	}
	return func(r *record.Record) bool {
		return !slices.Contains(valid, types.GCAttachment{ContainerID: r.ContainerID, IfName: r.IfName})
	}, nil
}

// gone returns what tells the records whose network namespace is gone for certain.
func gone(boot string) (func(*record.Record) bool, error) {
	here, err := lookAround("/proc", record.InitialPIDNamespace)
	if err != nil {
		return nil, err
	}
	return func(r *record.Record) bool { return r.BootID != boot || here.gone(r.Netns) }, nil
}

// collect detaches what is garbage, and then removes what killed plugins left.
// Plugins and delegates that are at work are waited for, all in all no longer than
// for one lock.
func (p *Plugin) collect(boot, dir string, cniPath func(*record.Record) string, garbage func(*record.Record) bool) (collected []record.Record, err error) {
	store, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &session{Plugin: p, boot: boot, store: store}
	deadline := time.Now().Add(p.lockWait)
	errs := []error{store.Sweep(booted())}
	records, err := store.List()
	errs = append(errs, err)
	for i := range records {
		if r := &records[i]; garbage(r) {
			done, err := s.collectOne(deadline, cniPath(r), r)
			errs = append(errs, err)
			if done {
				collected = append(collected, *r)
			}
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
	gone, err := gone(boot)
	if err != nil {
		return nil, err
	}
	if dryRun {
		list, err := record.List(recordDir)
		return slices.DeleteFunc(list.Records, func(r record.Record) bool { return !gone(&r) }), errors.Join(err, list.Why)
	}
	path := func(r *record.Record) string { return cmp.Or(r.Path, cniPath) }
	return p.collect(boot, recordDir, path, gone)
}

// A viewpoint is what this program can see of network namespaces. A container's may
// be there though its path leads nowhere: in another mount namespace than the
// plugin's, paths are others, and in a PID namespace processes are hidden.
type viewpoint struct {
	mount uint64          // this program's mount namespace
	all   bool            // it sees the processes of the whole machine
	alive map[uint64]bool // network namespaces that processes are in
}

// lookAround sees everything from the PID namespace that has all processes, unless some
// are hidden.
func lookAround(proc string, initialPID uint64) (viewpoint, error) {
	v := viewpoint{alive: map[uint64]bool{}}
	var err error
	if v.mount, err = inode(filepath.Join(proc, "self/ns/mnt")); err != nil {
		return v, err
	}
	pid, err := inode(filepath.Join(proc, "self/ns/pid"))
	if err != nil {
		return v, err
	}
	v.all = pid == initialPID
	entries, err := os.ReadDir(proc)
	if err != nil {
		return v, fmt.Errorf("find live network namespaces: %w", err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		ino, err := inode(filepath.Join(proc, e.Name(), "ns/net"))
		switch {
		case err == nil:
			v.alive[ino] = true
		case !errors.Is(err, fs.ErrNotExist): // not one that has ended: hidden, as without CAP_SYS_PTRACE
			v.all = false
		}
	}
	return v, nil
}

// gone reports whether a namespace is gone for certain.
func (v *viewpoint) gone(ns record.Netns) bool {
	ino, err := inode(ns.Path)
	if err == nil && ino == ns.Inode || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if ns.Mount == v.mount && !strings.HasPrefix(ns.Path, "/proc/") {
		return true // its inode may be another's by now
	}
	return v.all && !v.alive[ns.Inode]
}
