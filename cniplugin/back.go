// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// bringBack gives a device that was moved the name it had and sets it up again. A delegate
// leaves it down, where nobody could hear the switch any more; and where the container's
// namespace ended without DEL, the kernel has given the device back by itself, down and
// with the container's name for it.
func (a *operation) bringBack(r *record.Record) error {
	was := movedLink(r)
	if was.Index == 0 || !a.isOfThisBoot(r) { // a boot names all devices anew
		return nil
	}
	all, err := a.kernel.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, returned(all, was))
	if i < 0 {
		return nil // it is where nobody can see it, or was taken out of the machine
	}
	now := all[i]
	if now.Name != was.Name && (now.Up || !leftBehind(now, r.IfName)) {
		return nil // somebody has made it his own
	}
	free := !slices.ContainsFunc(all, func(i discovery.Interface) bool { return i.Name == was.Name || slices.Contains(i.AltNames, was.Name) })
	switch {
	case now.Name == was.Name && now.Alias == was.Name, now.Name != was.Name && free:
		err = a.kernel.Restore(now.Index, was.Name)
	case now.Name != was.Name:
		a.say(a.conf, "%s, which was %s, has come back, and that name is another device's now: it stays %s", now.Name, was.Name, now.Name)
	}
	if err == nil && !now.Up {
		err = a.kernel.SetUp(now.Index)
	}
	if err != nil {
		return fmt.Errorf("bring back %s (ifindex %d), which was %s: %w", now.Name, now.Index, was.Name, err)
	}
	return nil
}

// returned finds a device that has come back: by its ifindex, with its MAC address or the
// name it had as alias, which host-device leaves; or, where its ifindex was in use, as
// the only one with its MAC address.
func returned(all []discovery.Interface, was nodefile.Link) func(discovery.Interface) bool {
	isHardware := func(i discovery.Interface) bool { return !stacked[i.Kind] && !i.Kind.JoinsPorts() }
	same := func(i discovery.Interface) bool {
		return i.Index == was.Index && (i.MAC.String() == was.MAC || i.Alias == was.Name)
	}
	if slices.ContainsFunc(all, same) {
		return same
	}
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
