// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/bootid"
)

// A Sight is what can be told of the interface of an attachment.
type Sight int

// The sights of an interface.
const (
	Unseen  Sight = iota // nobody could look
	Whole                // it is as it was made
	Down                 // it is, but somebody set it down
	Altered              // it is called otherwise by now, or is not over the device
	Missing              // it is not in the container
)

// String is the sight in a word.
func (s Sight) String() string {
	return [...]string{Unseen: "unseen", Whole: "whole", Down: "down", Altered: "altered", Missing: "missing"}[s]
}

// A Finding is what was seen of an interface, or why it was not: empty where it is Whole.
type Finding struct {
	Sight Sight
	Why   string
}

// Inspect looks into containers, which takes root on the node itself, for the interfaces
// that the records are of. It changes nothing. When ctx ends, the rest stays unseen.
func Inspect(ctx context.Context, records []record.Record) []Finding {
	in := &inspector{Plugin: New(), names: map[uint64][]string{}}
	in.node = sync.OnceValues(in.kernel.List)
	for i := range records {
		r := &records[i]
		in.names[r.Netns.Inode] = append(in.names[r.Netns.Inode], r.IfName)
	}
	var problem error
	if os.Geteuid() != 0 {
		problem = errors.New("only root can look into containers")
	} else if in.boot, problem = bootid.Read(); problem == nil {
		problem = syscall.Stat(ownNetns, &in.own)
	}
	out := make([]Finding, len(records))
	for i := range records {
		if err := errors.Join(problem, ctx.Err()); err != nil {
			out[i] = Finding{Unseen, oneLine(err.Error())}
			continue
		}
		out[i] = in.inspect(&records[i])
		out[i].Why = oneLine(out[i].Why)
	}
	return out
}

// An inspector is what all inspections share.
type inspector struct {
	*Plugin
	boot  string
	own   syscall.Stat_t                        // of its network namespace
	node  func() ([]discovery.Interface, error) // what is on the node
	names map[uint64][]string                   // of the recorded interfaces, by namespace
}

func (in *inspector) inspect(r *record.Record) Finding {
	if r.BootID != in.boot {
		return Finding{Unseen, "it was attached before the node rebooted"}
	}
	netns, err := in.open(r.Netns)
	if err != nil {
		return Finding{Unseen, err.Error()}
	}
	defer netns.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", netns.Fd()) // the very namespace, wherever its path leads by now
	f := in.look(path, r)
	f.Why = strings.ReplaceAll(f.Why, path, r.Netns.Path)
	return f
}

func (in *inspector) look(path string, r *record.Record) Finding {
	got, err := in.kernel.OriginIn(path, r.IfName)
	switch {
	case errors.Is(err, link.ErrNotFound):
		return in.missing(path, r)
	case err != nil:
		return Finding{Unseen, err.Error()}
	}
	if _, err := same(in.kernel, r.Device); err != nil && !r.Taken { // gone, or this is another network namespace than the node's
		return Finding{Unseen, err.Error()}
	}
	if err := in.compare(path, r, got); err != nil {
		return Finding{Altered, err.Error()}
	}
	if !got.Up {
		return Finding{Down, r.IfName + " in the container is administratively down"}
	}
	return Finding{Whole, ""}
}

// open opens the namespace of a record, if it is still the one at its path.
func (in *inspector) open(n record.Netns) (*os.File, error) {
	f, err := os.OpenFile(n.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var st syscall.Stat_t
	err = syscall.Fstat(int(f.Fd()), &st)
	if err == nil && (st.Ino != n.Inode || st.Dev != in.own.Dev) {
		err = fmt.Errorf("%s does not lead to its network namespace any more", n.Path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// compare holds an interface that was read in the container against the record.
func (in *inspector) compare(path string, r *record.Record, got link.Origin) error {
	p := *in.Plugin
	p.kernel = seenOnce{in.kernel, got}
	a := &operation{session: session{Plugin: &p, boot: in.boot}, args: &skel.CmdArgs{Netns: path, IfName: r.IfName}}
	return a.made(r)
}

// seenOnce is a kernel that is not asked again what an interface is over.
type seenOnce struct {
	kernel
	got link.Origin
}

func (k seenOnce) OriginIn(string, string) (link.Origin, error) { return k.got, nil }

// missing says what became of an interface that the container has no more by its name.
func (in *inspector) missing(path string, r *record.Record) Finding {
	if _, known := profiles[r.DelegateType]; !known || chosenBy(r) != "" {
		return Finding{Unseen, fmt.Sprintf("the container has no interface %s, as where a driver for user space took it", r.IfName)}
	}
	inside, err := link.ListIn(path)
	if err != nil {
		return Finding{Unseen, err.Error()}
	}
	is := identifies(r)
	for _, i := range inside {
		if !is(&i) || slices.Contains(in.names[r.Netns.Inode], i.Name) {
			continue
		}
		renamed := *r
		renamed.IfName = i.Name
		if got, err := in.kernel.OriginIn(path, i.Name); err == nil && in.compare(path, &renamed, got) == nil {
			return Finding{Altered, fmt.Sprintf("%s is called %s in the container by now", r.IfName, i.Name)}
		}
	}
	node, _ := in.node() // where it cannot be read the interface is missing all the same
	if i := slices.IndexFunc(node, func(i discovery.Interface) bool { return is(&i) }); i >= 0 {
		return Finding{Missing, fmt.Sprintf("%s is no longer in the container; it is %s on the node", r.IfName, named(node[i].Name, node[i].Index))}
	}
	return Finding{Missing, r.IfName + " is no longer in the container"}
}

// identifies returns what tells the interface of a record by whatever name: a MAC address
// of its own. An ipvlan has none.
func identifies(r *record.Record) func(*discovery.Interface) bool {
	mac := r.Device.MAC
	if !r.Taken {
		mac = resultMAC(r)
	}
	return func(i *discovery.Interface) bool {
		return i.Ethernet && strings.EqualFold(i.MAC.String(), mac) && (r.Taken || mac != r.Device.MAC)
	}
}

// resultMAC is the MAC address that the delegate reported of the interface.
func resultMAC(r *record.Record) string {
	var result struct {
		Interfaces []struct{ Name, Mac, Sandbox string }
	}
	if json.Unmarshal(r.Result, &result) == nil {
		for _, i := range result.Interfaces {
			if i.Name == r.IfName && i.Sandbox != "" {
				return i.Mac
			}
		}
	}
	return ""
}
