// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"slices"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// maxConditions bounds the conditions of one type that containers raise.
const maxConditions = 16

// Moved is what the plugin's CHECK needs to know.
func Moved(attached []agentapi.ContainerAttachment) []nodefile.Moved {
	var out []nodefile.Moved
	for i := range attached {
		if a := &attached[i]; a.Status == agentapi.ContainerMoved {
			out = append(out, nodefile.Moved{Key: a.Key, Identity: a.To, Neighbor: a.Neighbor, Since: a.Since})
		}
	}
	return out
}

// Conditions are what an operator should know of the containers, and of the records that
// they were judged by.
func Conditions(attached []agentapi.ContainerAttachment, r *Records) []mapping.Condition {
	out := slices.Concat(movedConditions(attached), exposedConditions(attached), takenConditions(attached), returnedConditions(attached), orphanConditions(attached))
	if r.problem != "" {
		out = append(out, mapping.Condition{Type: mapping.RecordsUnreadable, Message: r.problem})
	}
	return out
}

// orphanConditions have one condition for all that one thing helps.
func orphanConditions(attached []agentapi.ContainerAttachment) (out []mapping.Condition) {
	var gone, failed, stuck []*agentapi.ContainerAttachment
	for i := range attached {
		switch a := &attached[i]; {
		case a.Orphaned == "":
		case !a.Unfinished():
			gone = append(gone, a)
		case a.Status == agentapi.ContainerStuck:
			stuck = append(stuck, a)
		default:
			failed = append(failed, a)
		}
	}
	for _, o := range []struct {
		list         []*agentapi.ContainerAttachment
		what, remedy string
	}{
		{gone, "attachment records of containers that are gone", `"colvin gc" removes what they left`},
		{failed, "attachments that were begun and not completed", `"colvin gc" undoes them, and so does the runtime's next DEL`},
		{stuck, "attachments whose DEL fails", `mend that, or "colvin gc" ends them and says what it could not free`},
	} {
		if len(o.list) > 0 {
			a := o.list[0]
			why := a.Orphaned
			if a.Unfinished() {
				why = a.Reason
			}
			out = append(out, mapping.Condition{Type: mapping.OrphanedRecords, Message: fmt.Sprintf("%s: %d, such as %s (%s on %s: %s); %s",
				o.what, len(o.list), a.Owner(), fit.Printable(a.Network), fit.Printable(a.Device.Name), fit.Printable(why), o.remedy)})
		}
	}
	return out
}

// returnedConditions say what devices are that came back from containers by themselves.
func returnedConditions(attached []agentapi.ContainerAttachment) []mapping.Condition {
	var out []mapping.Condition
	for i := range attached {
		a := &attached[i]
		if a.Returned == nil {
			continue
		}
		out = append(out, mapping.Condition{Type: mapping.DeviceReturned, Interface: fit.Printable(a.Returned.Name), Network: fit.Printable(a.Network), Message: fmt.Sprintf(
			"%s (%s), which was moved into %s, came back to the node by itself, as %s: the DEL of that container or \"colvin gc\" gives it back its name and sets it up",
			fit.Printable(a.Device.Name), fit.Printable(a.Network), a.Owner(), a.Returned)})
	}
	return bounded(out)
}

// movedConditions has one condition for all containers that moved together.
func movedConditions(attached []agentapi.ContainerAttachment) []mapping.Condition {
	type move struct {
		network, to string
		device      record.Link
	}
	count, first := map[move]int{}, []*agentapi.ContainerAttachment(nil)
	for i := range attached {
		a := &attached[i]
		if a.Status != agentapi.ContainerMoved {
			continue
		}
		m := move{a.Network, a.To, a.Device}
		if count[m]++; count[m] == 1 {
			first = append(first, a)
		}
	}
	var out []mapping.Condition
	for _, a := range first {
		more := ""
		if n := count[move{a.Network, a.To, a.Device}] - 1; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		network, device := fit.Printable(a.Network), fit.Printable(a.Device.Name)
		out = append(out, mapping.Condition{Type: mapping.AttachmentMoved, Interface: device, Network: network, Message: fmt.Sprintf(
			"%s (%s)%s asked for %s (%s), but %s leads to %s on %s since %s; running containers are left alone: move the cable or the VLAN back, or restart them",
			a.Owner(), fit.Printable(a.IfName), more, network, fit.Printable(identity.Key(a.Identity).Named()), device, a.LeadsTo(), a.Neighbor, a.Since.Local().Format(time.DateTime))})
	}
	return bounded(out)
}

// maxExposed is how many characters of containers' names a condition has.
const maxExposed = 200

// exposedConditions have one condition for each device.
func exposedConditions(attached []agentapi.ContainerAttachment) []mapping.Condition {
	exposed, devices := map[record.Link][]string{}, []record.Link(nil)
	for i := range attached {
		a := &attached[i]
		if !a.Exposed || a.Orphaned != "" {
			continue
		}
		if exposed[a.Device] == nil {
			devices = append(devices, a.Device)
		}
		exposed[a.Device] = append(exposed[a.Device], fmt.Sprintf("%s (%s)", a.Owner(), fit.Printable(a.IfName)))
	}
	var out []mapping.Condition
	for _, d := range devices {
		device := fit.Printable(d.Name)
		out = append(out, mapping.Condition{Type: mapping.TrunkExposed, Interface: device, Message: fmt.Sprintf(
			"%s carries tagged VLANs beside the network that it leads to untagged, and containers that may send raw frames (CAP_NET_RAW) can tag their own there: %s; "+
				"have the switch port carry one network, or refuse such attachments with isolation: strict in colvind.yaml", device, fit.List(exposed[d], maxExposed))})
	}
	return bounded(out)
}

// takenConditions say where devices are that are not on the node.
func takenConditions(attached []agentapi.ContainerAttachment) []mapping.Condition {
	var out []mapping.Condition
	for i := range attached {
		a := &attached[i]
		if !a.Taken || a.Orphaned != "" || a.Status != agentapi.ContainerUnverified {
			continue
		}
		network, device := fit.Printable(a.Network), fit.Printable(a.Device.Name)
		out = append(out, mapping.Condition{Type: mapping.DeviceInUse, Interface: device, Network: network, Message: fmt.Sprintf(
			"%s (%s) is not gone: it is in use by %s, into which it was moved, so nothing is heard on it", device, network, a.Owner())})
	}
	return bounded(out)
}

// bounded keeps thousands of containers from hiding all else.
func bounded(conditions []mapping.Condition) []mapping.Condition {
	more := len(conditions) - maxConditions
	if more <= 0 {
		return conditions
	}
	return append(conditions[:maxConditions:maxConditions], mapping.Condition{
		Type: conditions[0].Type, Message: fmt.Sprintf("%d more; \"colvin attachments\" lists them all", more),
	})
}
