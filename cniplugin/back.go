// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// movedLink is the device of the node that the attachment took into the container, as it
// was; the zero value where it took none.
func movedLink(r *record.Record) nodefile.Link {
	if r.Taken && chosenBy(r) == "" {
		return r.Device
	}
	return r.Chosen
}

// comesBackWithin is how long the kernel may take to give back what was in a namespace that
// has ended: it does so in a queue of its own.
const comesBackWithin = 300 * time.Millisecond

// bringBack gives a device that was moved the name it had and sets it up again. A delegate
// leaves it down, where nobody could hear the switch any more; and where the container's
// namespace ended without DEL, the kernel has given the device back by itself, down and
// with the container's name for it. It does so once for each attachment.
func (a *operation) bringBack(r *record.Record, netns string) error {
	was := movedLink(r)
	if was.Index == 0 || !a.isOfThisBoot(r) { // a boot names all devices anew
		return nil
	}
	if err := a.fetch(r, netns, was); err != nil {
		return err
	}
	now, all, err := a.awaitBack(r, was)
	switch {
	case err != nil:
		return err
	case now.Index == 0:
		if r.Phase == record.Added {
			a.say(a.conf, "%s (ifindex %d), which container %s had, is not on the node: it is in another namespace, or was taken out of the machine", was.Name, was.Index, r.ContainerID)
		}
		return nil
	case now.Name != was.Name && (now.Up || !leftBehind(now, r.IfName)):
		a.say(a.conf, "%s, which was %s, is in use by that name, and left as it is", now.Name, was.Name)
		return nil
	}
	other := func(i discovery.Interface) bool {
		return i.Index != now.Index && (i.Name == was.Name || slices.Contains(i.AltNames, was.Name))
	}
	switch {
	case now.Name == was.Name && now.Alias != was.Name:
	case slices.ContainsFunc(all, other):
		a.say(a.conf, "%s, which was %s, has come back, and that name is another device's now: it stays %s", now.Name, was.Name, now.Name)
	default:
		err = a.kernel.Restore(now.Index, was.Name)
	}
	if err == nil && !now.Up {
		err = a.kernel.SetUp(now.Index)
	}
	if err != nil {
		return fmt.Errorf("bring back %s (ifindex %d), which was %s: %w", now.Name, now.Index, was.Name, err)
	}
	return nil
}

// fetch moves hardware out of a container that lives, where it has another name by now.
func (a *operation) fetch(r *record.Record, netns string, was nodefile.Link) error {
	if netns == "" {
		return nil
	}
	inside, err := a.kernel.ListIn(netns)
	if err != nil {
		return nil //nolint:nilerr // the namespace has ended meanwhile
	}
	for _, i := range inside {
		if i.Name != r.IfName && isMoved(i, was) {
			if err := a.kernel.MoveOut(netns, i.Name, was.Name); err != nil && !isGone(err) {
				return fmt.Errorf("%s, which was %s, is in the container as %s: %w", r.IfName, was.Name, i.Name, err)
			}
		}
	}
	return nil
}

// awaitBack finds the device on the node, and all others; it waits for one that a namespace
// has just held.
func (a *operation) awaitBack(r *record.Record, was nodefile.Link) (now discovery.Interface, all []discovery.Interface, err error) {
	for start := time.Now(); ; time.Sleep(settlePause) {
		if all, err = a.kernel.List(); err != nil {
			return now, nil, err
		}
		if i := slices.IndexFunc(all, returned(all, was)); i >= 0 {
			return all[i], all, nil
		}
		if r.Phase != record.Added || time.Since(start) > comesBackWithin {
			return now, all, nil
		}
	}
}

// returned finds a device that has come back: by its ifindex, with its MAC address or the
// name it had as alias, which host-device leaves; or, where its ifindex was in use, as
// the only one with its MAC address.
func returned(all []discovery.Interface, was nodefile.Link) func(discovery.Interface) bool {
	same := func(i discovery.Interface) bool { return i.Index == was.Index && isMoved(i, was) }
	if slices.ContainsFunc(all, same) {
		return same
	}
	isHardware := func(i discovery.Interface) bool { return !stacked[i.Kind] && !i.Kind.JoinsPorts() }
	candidates := 0
	alike := func(i discovery.Interface) bool { return isHardware(i) && i.MAC.String() == was.MAC }
	for _, i := range all {
		if alike(i) {
			candidates++
		}
	}
	return func(i discovery.Interface) bool { return candidates == 1 && alike(i) }
}

// leftBehind reports whether a device has the name by which a container knew it, or that
// which the kernel gives where that is in use: dev and its ifindex.
func leftBehind(i discovery.Interface, inContainer string) bool {
	number, fallback := strings.CutPrefix(i.Name, "dev")
	_, err := strconv.Atoi(number)
	return i.Name == inContainer || fallback && err == nil
}
