// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// maxName is the longest name that may stand wherever an interface's name does. The
// kernel takes longer ones, plugins need not.
const maxName = discovery.MaxInterfaceName

// wantedNames says which device gets which name: the one to which the name leads,
// where nothing is in doubt. A VLAN device that Colvin makes gets none, because it
// goes with the last container that the plugin has put on it.
func wantedNames(v *mapping.View) (map[string]nodefile.Link, []mapping.Condition) {
	sure, doubtful := map[string][]nodefile.Link{}, map[string][]nodefile.Link{}
	for i := range v.Uplinks {
		a := &v.Uplinks[i]
		if a.Device == (nodefile.Link{}) || a.Made {
			continue
		}
		devices := sure
		if !a.Usable {
			devices = doubtful
		}
		for _, name := range a.Names() {
			if !slices.Contains(devices[name], a.Device) {
				devices[name] = append(devices[name], a.Device)
			}
		}
	}
	wanted := map[string]nodefile.Link{}
	var conditions []mapping.Condition
	for _, name := range slices.Sorted(maps.Keys(sure)) {
		switch devices := sure[name]; {
		case len(devices) > 1:
			conditions = append(conditions, ambiguousName(name, devices))
		case slices.Contains(doubtful[name], devices[0]): // the mapping says why
		case len(name) > maxName:
			conditions = append(conditions, longName(name, devices[0]))
		default:
			wanted[name] = devices[0]
		}
	}
	return wanted, conditions
}

// possibleName is about names of networks.
func possibleName(name string) bool { return len(name) <= maxName && rules.ValidName(name) }

// A plan is what is between the names that are wanted and those that are there.
type plan struct {
	remove, add []altName
	taken       []mapping.Condition // wanted names that somebody else has
}

// planNames compares what is wanted with the interfaces, of whose alternative
// names those that are owned may be taken away.
func planNames(wanted map[string]nodefile.Link, interfaces []discovery.Interface, owned []altName) plan {
	var p plan
	if len(wanted) == 0 && len(owned) == 0 {
		return p
	}
	devices, ours := byIndex(interfaces), map[nameKey]bool{}
	for _, n := range owned {
		ours[n.key()] = true
		if devices[n.Index] != nil && wanted[n.Name].Index != n.Index {
			p.remove = append(p.remove, n)
		}
	}
	holders := holders(interfaces)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		device, holder := devices[wanted[name].Index], holders[name]
		switch {
		case device == nil || device.MAC.String() != wanted[name].MAC: // not the one that the view is about
		case holder == nil:
			p.add = append(p.add, altName{Name: name, Index: device.Index, MAC: device.MAC})
		case !ours[nameKey{name, holder.Index}]:
			p.taken = append(p.taken, takenName(name, device.Name, holder))
		}
	}
	return p
}

// wiring is what tells that a device may lead elsewhere than it did.
type wiring struct {
	up, carrier    bool
	carrierChanges uint32
	master         int
}

func wiringOf(interfaces []discovery.Interface) map[int]wiring {
	out := make(map[int]wiring, len(interfaces))
	for i := range interfaces {
		d := &interfaces[i]
		out[d.Index] = wiring{d.Up, d.Carrier, d.CarrierChanges, d.Master}
	}
	return out
}

func byIndex(interfaces []discovery.Interface) map[int]*discovery.Interface {
	out := make(map[int]*discovery.Interface, len(interfaces))
	for i := range interfaces {
		out[interfaces[i].Index] = &interfaces[i]
	}
	return out
}

// holders says which interface has a name, as its own or as an alternative one.
func holders(interfaces []discovery.Interface) map[string]*discovery.Interface {
	out := make(map[string]*discovery.Interface, len(interfaces))
	for i := range interfaces {
		out[interfaces[i].Name] = &interfaces[i]
		for _, name := range interfaces[i].AltNames {
			out[name] = &interfaces[i]
		}
	}
	return out
}

func ambiguousName(name string, devices []nodefile.Link) mapping.Condition {
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return mapping.Condition{Type: mapping.AltNameAmbiguous, Network: name, Message: fmt.Sprintf(
		"%s leads to %s, so it is no altname of any; rules can tell them apart, or the colvin plugin takes one with select: first",
		name, strings.Join(names, " and "))}
}

func longName(name string, device nodefile.Link) mapping.Condition {
	return mapping.Condition{Type: mapping.AltNameTooLong, Interface: device.Name, Network: name, Message: fmt.Sprintf(
		"%s has %d characters, so it is no altname of %s; give the network an alias of %d characters or fewer",
		name, len(name), device.Name, maxName)}
}

func takenName(name, device string, holder *discovery.Interface) mapping.Condition {
	what, advice := "an altname", takeAway(paste.Device(holder.Name, holder.Index), name)
	if holder.Name == name {
		what, advice = "the name", "rename the interface, or the network"
	}
	return mapping.Condition{Type: mapping.AltNameTaken, Interface: holder.Name, Network: name, Message: fmt.Sprintf(
		"%s is %s of %s, which Colvin did not set and leaves alone, so %q leads a plugin to %s whatever that is attached to; network %s is at %s; %s",
		name, what, holder.Name, name, holder.Name, name, device, advice)}
}

// failedName is about a name that the kernel did not take.
func failedName(n altName, device string, err error) mapping.Condition {
	if errors.Is(err, fs.ErrExist) {
		return mapping.Condition{Type: mapping.AltNameTaken, Interface: device, Network: n.Name, Message: fmt.Sprintf(
			"%s cannot be an altname of %s: another interface got that name in this moment; Colvin leaves it alone", n.Name, device)}
	}
	return mapping.Condition{Type: mapping.AltNameFailed, Interface: device, Network: n.Name, Message: fmt.Sprintf(
		"%s cannot be made an altname of %s: %v; %s", n.Name, device, err, adviceOn(err))}
}

// stuckName is about a name that should be gone.
func stuckName(n altName, device string, err error) mapping.Condition {
	return mapping.Condition{Type: mapping.AltNameFailed, Interface: device, Network: n.Name, Message: fmt.Sprintf(
		"%s is still an altname of %s, which must not be found by it any more: %v; %s; %s",
		n.Name, device, err, takeAway(device, n.Name), adviceOn(err))}
}

func takeAway(device, name string) string {
	return paste.Command("ip", "link", "property", "del", "dev", device, "altname", name) + " takes it away"
}

func adviceOn(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "colvind needs CAP_NET_ADMIN for it (see deploy/systemd/colvind-altnames.conf)"
	}
	return "altnames take Linux 5.5 or later; Colvin tries again"
}
