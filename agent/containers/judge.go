// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	// orphanedAfter is how long a namespace must be gone: a runtime that ends a
	// container calls DEL after that.
	orphanedAfter = time.Minute
	// addingFor is how long an ADD may take, DHCP included, and workingFor how long one
	// whose lock is held: longer than a runtime waits.
	addingFor  = 2 * time.Minute
	workingFor = 5 * time.Minute
	// deletingFor is how long a DEL may fail before somebody should look: a runtime tries
	// again within seconds.
	deletingFor = time.Minute
	// returnedAfter is how long a device must be back: DEL brings it back under the name
	// that it has in the container, and then restores it.
	returnedAfter = 10 * time.Second
	// maxReason is how many characters of what a delegate said are told.
	maxReason = 300
	// maxOtherIdentities bounds what a switch that keeps changing its name can have remembered.
	maxOtherIdentities = 16
)

// An uplink is one of the node, as far as attachments of containers matter.
type uplink struct {
	identities   []string // the network's; the first is the one of neighbor
	names        []string
	certainty    nodefile.Certainty
	pin          bool // nothing but a rule says where it leads
	unattachable bool // nothing can be attached through it, time alone will not help
	trunk        bool // who is attached through it untagged can reach tagged VLANs
	since        time.Time
	reason       string
	neighbor     string
}

// evidence is what the records are held against.
type evidence struct {
	bootID   string
	now      time.Time
	patience time.Duration // how long a container must be gone before its record is an orphan
	// device finds a device of the node; nil where the devices are not known.
	device func(index int) (discovery.Interface, bool)
	// interfaces are the node's, as far as anybody sees them.
	interfaces []discovery.Interface
	// uplinks are all that lead through a record's device with its VID.
	uplinks func(r *record.Record) []uplink
	// unruled is set while the rules are not known: what is called otherwise then need
	// not be another network.
	unruled bool
}

// Seen is what a running agent knows of its node.
type Seen struct {
	View     *mapping.View
	Memory   mapping.Memory
	Snapshot *discovery.Snapshot
	// RulesUnknown is set while there are rules that nobody could read yet.
	RulesUnknown bool
}

// Judge holds the records against what is seen. before is what it returned last. The
// time is when something changes though nothing is heard; zero if nothing does.
func Judge(r *Records, seen Seen, before []agentapi.ContainerAttachment) (after []agentapi.ContainerAttachment, wake time.Time) {
	k := observed(seen.View, seen.Memory, seen.Snapshot)
	k.unruled = seen.RulesUnknown
	return k.attached(r.list, before)
}

// Rejudge holds attachments against what other rules would make of the same node. Those of
// containers that are gone, and what only began or is half undone, stay as they are.
func Rejudge(attached []agentapi.ContainerAttachment, seen Seen) []agentapi.ContainerAttachment {
	k := observed(seen.View, seen.Memory, seen.Snapshot)
	out := slices.Clone(attached)
	for i := range out {
		a := &out[i]
		if !a.Gone.IsZero() || !a.Attached() {
			continue
		}
		r := heldRecord{Record: record.Record{
			Key: a.Key, Phase: record.Added, Time: a.Since, BootID: k.bootID, Pod: a.Pod, Network: a.Network, Identity: a.Identity,
			OtherIdentities: a.OtherIdentities, Device: a.Device, Parent: a.Parent, Port: a.Port, VID: a.VID, Taken: a.Taken,
		}}
		after, _ := k.attached([]heldRecord{r}, attached[i:i+1])
		after[0].MadeBy = a.MadeBy
		out[i] = after[0]
	}
	return out
}

// observed is what the agent knows.
func observed(v *mapping.View, m mapping.Memory, snap *discovery.Snapshot) evidence {
	type through struct {
		device, parent int
		vid            uint16
	}
	known := map[through][]uplink{} // containers share devices
	led := sync.OnceValue(func() *leading { return newLeading(v) })
	return evidence{
		bootID: v.BootID, now: v.Time, patience: orphanedAfter, device: snap.Interface, interfaces: snap.Interfaces,
		uplinks: func(r *record.Record) []uplink {
			at := through{r.Device.Index, r.Parent.Index, r.VID}
			uplinks, ok := known[at]
			if !ok {
				uplinks = led().uplinksOf(m, r)
				known[at] = uplinks
			}
			return uplinks
		},
	}
}

// leading are a View's uplinks by the interfaces through which they lead. A trunk has
// thousands, and so have those who are attached.
type leading struct {
	uplinks []mapping.Uplink
	last    map[passage]int // the last of a passage's among found, counted from 1
	found   []found
}

// found is an uplink, and the one that was found before on the same passage.
type found struct{ place, before int }

// A passage is an interface, and a tag that frames bear at a port.
type passage struct {
	index int
	vid   uint16
}

func newLeading(v *mapping.View) *leading {
	l := &leading{v.Uplinks, make(map[passage]int, len(v.Uplinks)), make([]found, 0, len(v.Uplinks))}
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		for index := range a.Passes() {
			l.add(passage{index, a.VID}, i)
			for k := range a.Members {
				l.add(passage{index, a.Members[k].VID}, i)
			}
		}
	}
	return l
}

func (l *leading) add(at passage, place int) {
	l.found = append(l.found, found{place, l.last[at]})
	l.last[at] = len(l.found)
}

// through are the places of the uplinks of a passage, some maybe more than once.
func (l *leading) through(at passage) (places []int) {
	for i := l.last[at]; i > 0; i = l.found[i-1].before {
		places = append(places, l.found[i-1].place)
	}
	return places
}

// uplinksOf are those that a record's device leads through. Those to the
// very device come before those that pass through it.
func (l *leading) uplinksOf(m mapping.Memory, r *record.Record) []uplink {
	var places []int
	for _, index := range []int{r.Device.Index, r.Parent.Index} {
		if index > 0 {
			places = append(places, l.through(passage{index, r.VID})...)
		}
	}
	slices.Sort(places)
	var exact, passing []uplink
	for _, i := range slices.Compact(places) {
		if a := &l.uplinks[i]; r.Device.Index > 0 && a.Device.Index == r.Device.Index {
			exact = append(exact, uplinkOf(a, m))
		} else {
			passing = append(passing, uplinkOf(a, m))
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return passing
}

// uplinkOf knows the identities outside of groups too: a switch can have been put into
// one after the container was attached.
func uplinkOf(a *mapping.Uplink, memory mapping.Memory) uplink {
	w := uplink{
		identities: []string{string(a.Identity.Key()), string(memory.Ungrouped(a.Identity, a.Port.Index, a.Neighbor).Key())}, names: a.Names(), certainty: a.Certainty,
		unattachable: a.Device.Index == 0 && a.Parent.Index == 0, since: a.Since, reason: a.Reason, neighbor: a.NeighborText(),
		trunk: a.Trunk, pin: a.VLANSource == mapping.VLANPinned,
	}
	for _, m := range a.Members {
		if m.Decides && m.Certainty.Known() {
			w.identities = append(w.identities, string(m.Identity.Key()), string(memory.Ungrouped(m.Identity, m.Port.Index, m.Neighbor).Key()))
		}
	}
	return w
}

// attached is Judge for whatever is known.
func (k evidence) attached(held []heldRecord, before []agentapi.ContainerAttachment) (after []agentapi.ContainerAttachment, wake time.Time) {
	earlier := map[record.Key]*agentapi.ContainerAttachment{}
	for i := range before {
		earlier[before[i].Key] = &before[i]
	}
	for i := range held {
		a, dues := k.attachment(&held[i], cmp.Or(earlier[held[i].Key], &agentapi.ContainerAttachment{}))
		for _, due := range dues {
			if due.After(k.now) && (wake.IsZero() || due.Before(wake)) {
				wake = due
			}
		}
		after = append(after, a)
	}
	return after, wake
}

// attachment is what becomes of one that was known as was, and when that may be something
// else.
func (k evidence) attachment(r *heldRecord, was *agentapi.ContainerAttachment) (a agentapi.ContainerAttachment, dues [3]time.Time) {
	a = agentapi.ContainerAttachment{
		Key: r.Key, Phase: r.Phase, Pod: r.Pod, Network: r.Network, Identity: r.Identity, OtherIdentities: r.OtherIdentities,
		Device: k.called(&r.Record, r.Device), Port: k.called(&r.Record, r.Port), Parent: k.called(&r.Record, r.Parent), VID: r.VID, Taken: r.Taken, MadeBy: r.MadeBy(),
	}
	if was.Identity == a.Identity && was.Device.Index == a.Device.Index && was.Device.MAC == a.Device.MAC {
		a.OtherIdentities = was.OtherIdentities
	}
	half := k.unfinished(&a, r)
	if half.why == "" {
		k.judge(&a, &r.Record)
	} else {
		a.Returned, _ = k.back(&r.Record)
	}
	if !known(&a) && a.Status != agentapi.ContainerMoved {
		a.To, a.ToNetwork = was.To, was.ToNetwork
	}
	a.Since = k.since(&a, was, r.Time)
	return a, [...]time.Time{half.due, k.orphaned(&a, was, r, half), k.settle(&a, was)}
}

// called is a device of a record with the name that it has by now. One that was moved into the
// container keeps that which it had on the node, and is to have again.
func (k evidence) called(r *record.Record, l record.Link) record.Link {
	if k.device == nil || r.BootID != k.bootID || l.Index == 0 || r.Taken {
		return l
	}
	if now, ok := k.device(l.Index); ok && now.MAC.String() == l.MAC {
		l.Name = now.Name
	}
	return l
}

// since is when the status began, no earlier than the attachment and not in the
// future, whatever the record says.
func (k evidence) since(a, was *agentapi.ContainerAttachment, added time.Time) time.Time {
	if was.Status == a.Status && was.To == a.To {
		return was.Since
	}
	since := cmp.Or(a.Since, k.now)
	if since.Before(added) {
		since = added
	}
	if since.After(k.now) {
		since = k.now
	}
	return since.UTC().Round(0)
}

// A halfway is why an attachment is one no more or not yet, and when it needs help unless
// it is completed until then. Of one that is whole there is no why.
type halfway struct {
	why string
	due time.Time
}

// unfinished judges by the record alone what only began, or is only half undone: where its
// device leads does not matter then.
func (k evidence) unfinished(a *agentapi.ContainerAttachment, r *heldRecord) halfway {
	h := halfway{}
	switch {
	case !r.Unwanted.IsZero():
		h = halfway{"its DEL fails", r.Unwanted.Add(deletingFor)}
		a.Status, a.Since, a.Reason = agentapi.ContainerDeleting, r.Unwanted, fit.Cut(cmp.Or(r.Stuck, h.why), maxReason)
		if !h.due.After(k.now) {
			a.Status = agentapi.ContainerStuck
		}
	case r.Failed != "":
		h = halfway{"its ADD failed", r.Time.Add(addingFor)}
		a.Status, a.Since, a.Reason = agentapi.ContainerFailed, r.Time, fit.Cut("its ADD failed: "+r.Failed, maxReason)
	case r.Phase == record.Adding:
		h = halfway{"its ADD was not completed", r.Time.Add(addingFor)}
		if r.working {
			h.due = r.Time.Add(workingFor)
		}
		a.Status, a.Since, a.Reason = agentapi.ContainerAdding, r.Time, "its ADD is at work"
		if r.BootID != k.bootID || !h.due.After(k.now) {
			a.Status, a.Reason = agentapi.ContainerFailed, h.why
		}
	}
	return h
}

// orphaned notes why nobody will remove the attachment, and returns when that will
// be so if nothing happens until then.
func (k evidence) orphaned(a, was *agentapi.ContainerAttachment, r *heldRecord, half halfway) (due time.Time) {
	if half.why != "" && !half.due.After(k.now) {
		a.Orphaned = half.why
	}
	why := ""
	switch {
	case r.BootID != k.bootID:
		why = "the node rebooted since"
	case r.gone:
		why = "its network namespace is gone"
	default:
		return time.Time{}
	}
	a.Gone = cmp.Or(was.Gone, k.now.UTC().Round(0))
	due = a.Gone.Add(k.patience)
	if !due.After(k.now) {
		a.Orphaned = why
	}
	return due
}

// judge says where the record's device leads by now.
func (k evidence) judge(a *agentapi.ContainerAttachment, r *record.Record) {
	a.Status = agentapi.ContainerUnverified
	if r.BootID != k.bootID {
		a.Reason = "it was attached before the node rebooted"
		return
	}
	if r.Taken {
		k.judgeTaken(a, r)
		return
	}
	if k.device == nil {
		k.decide(a, r)
		return
	}
	switch ifi, here := k.device(r.Device.Index); {
	case !here || r.Device.Index <= 0:
		a.Status, a.Reason = agentapi.ContainerDown, r.Device.Name+" is gone"
	case !ifi.Up:
		a.Status, a.Reason = agentapi.ContainerDown, ifi.Name+" is administratively down"
	default:
		k.decide(a, r)
	}
}

// judgeTaken is for a device that is in the container, or was.
func (k evidence) judgeTaken(a *agentapi.ContainerAttachment, r *record.Record) {
	device, here := k.back(r)
	if !here {
		a.Reason = r.Device.Name + " itself is in the container, where the agent cannot hear its switch"
		return
	}
	a.Status, a.Reason, a.Returned = agentapi.ContainerDown, r.Device.Name+" is no longer in the container", device
	if device != nil {
		a.Reason = fmt.Sprintf("%s came back to the node by itself, as %s; DEL or \"colvin gc\" restores it", r.Device.Name, device)
	}
}

// back reports whether the device of a record that took it is on the node, and which it
// is where it is not as it was: the kernel gives hardware back when a namespace goes, by
// its name there and down.
func (k evidence) back(r *record.Record) (device *agentapi.ReturnedDevice, here bool) {
	if !r.Taken || r.BootID != k.bootID {
		return nil, false
	}
	ifi, here := returned(r, k.interfaces)
	if here && (ifi.Name != r.Device.Name || !ifi.Up) {
		device = &agentapi.ReturnedDevice{Link: record.Link{Name: ifi.Name, Index: ifi.Index, MAC: ifi.MAC.String()}, Up: ifi.Up}
	}
	return device, here
}

// settle keeps a device that may be on its way from being told, and returns until when.
func (k evidence) settle(a, was *agentapi.ContainerAttachment) (due time.Time) {
	if a.Returned == nil || !a.Attached() {
		return time.Time{}
	}
	due = k.now
	if was.Status == a.Status {
		due = was.Since
	}
	due = due.Add(min(k.patience, returnedAfter))
	if due.After(k.now) {
		a.Returned = nil
	}
	return due
}

// returned finds the device of a record that took it among the node's. It keeps its
// ifindex, unless that is in use by then, its MAC address, unless the container was given
// another, and its name in the container, unless the node has one of that name; and
// host-device writes down its name of before as its alias.
func returned(r *record.Record, all []discovery.Interface) (discovery.Interface, bool) {
	for _, is := range []func(i *discovery.Interface) bool{
		func(i *discovery.Interface) bool {
			return i.Index == r.Device.Index && i.Index > 0 && (i.MAC.String() == r.Device.MAC || isNamed(i, r) && i.Alias == r.Device.Name)
		},
		func(i *discovery.Interface) bool {
			return (isNamed(i, r) || i.Alias == r.Device.Name) && i.Ethernet && i.MAC.String() == r.Device.MAC
		},
	} {
		if i := slices.IndexFunc(all, func(i discovery.Interface) bool { return is(&i) }); i >= 0 {
			return all[i], true
		}
	}
	return discovery.Interface{}, false
}

// isNamed reports whether a device has the name that it had in the container or on the
// node.
func isNamed(i *discovery.Interface, r *record.Record) bool {
	return i.Name == r.IfName || i.Name == r.Device.Name
}

// decide goes by the uplinks that lead through the record's device: those into its own
// network, by identity or because it is called the same still; else the others.
func (k evidence) decide(a *agentapi.ContainerAttachment, r *record.Record) {
	uplinks := k.uplinks(r)
	a.Exposed = r.VID == 0 && slices.ContainsFunc(uplinks, func(w uplink) bool { return w.trunk })
	own := slices.DeleteFunc(slices.Clone(uplinks), func(w uplink) bool { return !w.leadsInto(a) })
	if said := contradicting(own, uplinks); len(said) > 0 {
		own, uplinks = nil, said
	}
	switch {
	case len(own) > 0:
		best := slices.MinFunc(own, compareSureness)
		a.Status = map[nodefile.Certainty]agentapi.ContainerStatus{
			nodefile.Fresh: agentapi.ContainerOK, nodefile.Stale: agentapi.ContainerStale, nodefile.Pinned: agentapi.ContainerPinned,
			nodefile.Down: agentapi.ContainerDown, nodefile.Unverified: agentapi.ContainerUnverified,
		}[best.certainty]
		take(a, best)
		join(a, best)
	case len(uplinks) > 0:
		best := slices.MinFunc(uplinks, compareSureness)
		switch {
		case best.certainty == nodefile.Down:
			a.Status = agentapi.ContainerDown
		case k.unruled:
			best.reason = "the rules that name its network are not known"
		case !best.unattachable && best.certainty != nodefile.Unverified:
			a.Status, a.To = agentapi.ContainerMoved, best.identities[0]
			if len(best.names) > 0 {
				a.ToNetwork = best.names[0]
			}
		}
		take(a, best)
	default:
		a.Reason = fmt.Sprintf("nothing tells where %s leads", r.Device.Name)
	}
}

// contradicting are the uplinks that a switch tells, where nothing leads into a container's
// own network but a pin that it closed: then that is where the container is.
func contradicting(own, uplinks []uplink) []uplink {
	if len(own) == 0 || slices.ContainsFunc(own, func(w uplink) bool { return !w.pin || w.certainty != nodefile.Unverified }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(uplinks), func(w uplink) bool {
		return w.pin || w.unattachable || w.certainty != nodefile.Fresh && w.certainty != nodefile.Stale
	})
}

// take takes over what an uplink says beside its identity.
func take(a *agentapi.ContainerAttachment, w uplink) {
	a.Since, a.Reason, a.Neighbor = w.since, w.reason, w.neighbor
	if w.unattachable && known(a) {
		a.Status = agentapi.ContainerUnverified
	}
}

// join remembers what leads to the same network, for the day when nothing else does:
// the switch that the container was attached through may fail, and its peer stays. A
// name alone joins nothing, because rules can give it to another network.
func join(a *agentapi.ContainerAttachment, w uplink) {
	if !known(a) || !w.isKnown(a) {
		return
	}
	for _, id := range w.identities {
		if id != a.Identity && !slices.Contains(a.OtherIdentities, id) && len(a.OtherIdentities) < maxOtherIdentities {
			a.OtherIdentities = append(slices.Clip(a.OtherIdentities), id) // earlier states share it
		}
	}
}

// known reports whether a container is taken to be where it asked to be.
func known(a *agentapi.ContainerAttachment) bool {
	return a.Status == agentapi.ContainerOK || a.Status == agentapi.ContainerStale || a.Status == agentapi.ContainerPinned
}

// leadsInto reports whether an uplink leads into the network that a container was attached to.
func (w uplink) leadsInto(a *agentapi.ContainerAttachment) bool {
	return slices.Contains(w.names, a.Network) || w.isKnown(a)
}

// isKnown reports whether an identity of the uplink is one of that network.
func (w uplink) isKnown(a *agentapi.ContainerAttachment) bool {
	return slices.ContainsFunc(w.identities, func(id string) bool { return id == a.Identity || slices.Contains(a.OtherIdentities, id) })
}

// compareSureness orders uplinks from the surest on.
func compareSureness(a, b uplink) int {
	order := []nodefile.Certainty{nodefile.Fresh, nodefile.Stale, nodefile.Pinned, nodefile.Unverified, nodefile.Down}
	rank := func(w uplink) int {
		if w.unattachable {
			return len(order)
		}
		return slices.Index(order, w.certainty)
	}
	return cmp.Compare(rank(a), rank(b))
}
