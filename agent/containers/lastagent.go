// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"slices"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// JudgeWithoutAgent tells from the plugin's records in dir and from what the
// last agent left where containers are attached. The problem says why not all of
// them are known.
func JudgeWithoutAgent(dir string, f *nodefile.File) (attached []agentapi.ContainerAttachment, problem string, err error) {
	boot, err := bootid.Read()
	if err != nil {
		return nil, "", err
	}
	held := Read(dir, record.NewObserver())
	k := writtenIn(f, boot, time.Now())
	k.interfaces, _ = link.List() // without them nothing is seen to have come back
	attached, _ = k.attached(held.list, nil)
	return attached, held.problem, nil
}

// ReadMoved reads what the last agent of this boot told the plugin of containers that
// moved: they did not move again because an agent starts.
func ReadMoved(path, boot string) []agentapi.ContainerAttachment {
	f, err := nodefile.Read(path)
	if err != nil || f.BootID != boot {
		return nil
	}
	var out []agentapi.ContainerAttachment
	for _, m := range f.Moved {
		a := agentapi.ContainerAttachment{
			Key: m.Key, Status: agentapi.ContainerMoved, Since: m.Since, Neighbor: m.Neighbor, To: m.Identity,
		}
		for _, n := range f.Networks {
			if a.ToNetwork == "" && slices.ContainsFunc(n.Uplinks, func(at nodefile.Uplink) bool { return at.Identity == m.Identity }) {
				a.ToNetwork = n.Name
			}
		}
		out = append(out, a)
	}
	return out
}

// writtenIn is what an agent that is gone knew. How long a container has been gone
// nobody can tell.
func writtenIn(f *nodefile.File, boot string, now time.Time) evidence {
	k := evidence{bootID: boot, now: now, uplinks: func(*record.Record) []uplink { return nil }}
	if f.BootID == boot {
		k.uplinks = func(r *record.Record) []uplink { return uplinksIn(f, r) }
	}
	return k
}

// uplinksIn are those in the node file that a record's device leads through.
// What has no name is there only as where a container has moved to.
func uplinksIn(f *nodefile.File, r *record.Record) []uplink {
	for _, m := range f.Moved {
		if m.Name == r.Name && m.ContainerID == r.ContainerID && m.IfName == r.IfName {
			return []uplink{{identities: []string{m.Identity}, certainty: nodefile.Fresh, since: m.Since, neighbor: m.Neighbor}}
		}
	}
	var out []uplink
	for _, n := range f.Networks {
		for i := range n.Uplinks {
			if a := &n.Uplinks[i]; carriesRecord(a, r) {
				out = append(out, uplink{
					identities: a.Identities(), names: []string{n.Name}, certainty: a.Certainty, unattachable: !a.Attachable(),
					since: a.Since, reason: a.Reason, neighbor: a.Neighbor, trunk: a.Trunk, pin: isPin(a.Identity),
				})
			}
		}
	}
	return out
}

func isPin(key string) bool {
	id, err := identity.Parse(identity.Key(key))
	return err == nil && id.Kind == identity.Pin
}

// carriesRecord reports whether frames of a record's device leave through the uplink.
func carriesRecord(a *nodefile.Uplink, r *record.Record) bool {
	return slices.ContainsFunc(a.Ports, func(p nodefile.Port) bool {
		return p.VID == r.VID && (isThrough(a, p, r.Device.Index) || isThrough(a, p, r.Parent.Index))
	})
}

func isThrough(a *nodefile.Uplink, p nodefile.Port, index int) bool {
	return index > 0 && (a.Device.Index == index || a.Parent.Index == index || p.Index == index ||
		slices.ContainsFunc(p.Junctions, func(j nodefile.Junction) bool { return j.Index == index }))
}
