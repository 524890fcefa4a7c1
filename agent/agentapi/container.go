// SPDX-License-Identifier: Apache-2.0

package agentapi

import (
	"fmt"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/identity"
)

// ContainerStatus says whether a container is still where it was attached to.
type ContainerStatus string

// The statuses of a container's attachment.
const (
	ContainerOK         ContainerStatus = "ok"         // its device leads to the network, heard within the time to live
	ContainerStale      ContainerStatus = "stale"      // it did, and the carrier was never lost since
	ContainerPinned     ContainerStatus = "pinned"     // a rule says that it does, and no switch speaks there
	ContainerUnverified ContainerStatus = "unverified" // nothing confirms that it does
	ContainerDown       ContainerStatus = "down"       // the device is gone, down or without carrier
	ContainerMoved      ContainerStatus = "moved"      // its device leads to another network

	// Those that are not attached, or not to stay so, whatever their device leads to.
	ContainerAdding   ContainerStatus = "adding"   // its ADD is at work
	ContainerFailed   ContainerStatus = "failed"   // its ADD failed or was killed, and nobody undid it
	ContainerDeleting ContainerStatus = "deleting" // its DEL failed just now; the runtime tries again
	ContainerStuck    ContainerStatus = "stuck"    // its DEL fails for longer

	// Those that only who looks into the container can tell: "colvin attachments" as root.
	ContainerMissing ContainerStatus = "missing" // its interface is not there
	ContainerAltered ContainerStatus = "altered" // its interface was renamed, or is not over the device
)

// A ContainerAttachment is what the CNI plugin recorded of a container, and where that
// leads by now.
type ContainerAttachment struct {
	record.Key
	Phase    record.Phase `json:"phase"` // how far its ADD got
	Pod      record.Pod   `json:"pod,omitzero"`
	Network  string       `json:"network"` // as asked for
	Identity string       `json:"identity"`
	// OtherIdentities are further identities of the same network: as recorded, and as seen
	// together since then.
	OtherIdentities []string    `json:"otherIdentities,omitempty"`
	Device          record.Link `json:"device"`
	Port            record.Link `json:"port"`
	Parent          record.Link `json:"parent,omitzero"` // of the VLAN device, where VID is not 0
	VID             uint16      `json:"vid,omitempty"`
	// Taken is set where the device itself is in the container.
	Taken bool `json:"taken,omitempty"`
	// MadeBy is who made the interface in the container: "colvin", the plugin itself, or its
	// delegate.
	MadeBy string `json:"madeBy,omitempty"`
	// Returned is the device as it is on the node now, where it was taken and came back
	// by itself: not as it was.
	Returned *ReturnedDevice `json:"returned,omitempty"`

	Status   ContainerStatus `json:"status"`
	Since    time.Time       `json:"since"`
	Reason   string          `json:"reason,omitempty"`
	Neighbor string          `json:"neighbor,omitempty"` // switch and port that the device leads to
	// To is the identity that a moved one leads to. It stays until the device is found
	// to lead to the network again.
	To string `json:"to,omitempty"`
	// ToNetwork is what To is called; empty where it has no name.
	ToNetwork string `json:"toNetwork,omitempty"`

	// Exposed is set where the container is attached untagged to a trunk, so that it can
	// reach the tagged VLANs there if it may send raw frames.
	Exposed bool `json:"exposed,omitempty"`

	// Gone is when the container was found gone; zero while it is not known to be.
	Gone time.Time `json:"gone,omitzero"`
	// Orphaned says why nobody will remove the attachment; it is empty while
	// somebody may.
	Orphaned string `json:"orphaned,omitempty"`
}

// Attached reports whether the container was attached, and is to stay so.
func (a *ContainerAttachment) Attached() bool {
	switch a.Status {
	case ContainerAdding, ContainerFailed, ContainerDeleting, ContainerStuck:
		return false
	case ContainerOK, ContainerPinned, ContainerStale, ContainerUnverified, ContainerDown, ContainerMoved, ContainerMissing, ContainerAltered:
	}
	return true
}

// Away reports whether the container was found in another network, and not back since: while
// nothing tells where its device leads, it is not back.
func (a *ContainerAttachment) Away() bool {
	doubtful := a.Status == ContainerUnverified || a.Status == ContainerDown
	return a.Status == ContainerMoved || doubtful && a.To != ""
}

// A ReturnedDevice is a device that came back from a container.
type ReturnedDevice struct {
	record.Link
	Up bool `json:"up"` // administratively
}

// String says what the device is called now, and whether it is up.
func (d *ReturnedDevice) String() string {
	state := "down"
	if d.Up {
		state = "up"
	}
	return fmt.Sprintf("%s (ifindex %d), %s", fit.Printable(d.Name), d.Index, state)
}

// Owner names the container for people: its pod where Kubernetes told one.
func (a *ContainerAttachment) Owner() string {
	switch {
	case a.Pod.Name == "":
		return fit.Cut(fit.Printable(a.ContainerID), 13)
	case a.Pod.Namespace == "":
		return fit.Printable(a.Pod.Name)
	}
	return fit.Printable(a.Pod.Namespace + "/" + a.Pod.Name)
}

// LeadsTo names the network that a moved attachment leads to.
func (a *ContainerAttachment) LeadsTo() string {
	if a.ToNetwork == "" {
		return identity.Key(a.To).Named()
	}
	return fmt.Sprintf("%s (%s)", a.ToNetwork, identity.Key(a.To).Named())
}

// Unfinished reports whether the container may still be there, and only its ADD or DEL
// is known to have ended halfway.
func (a *ContainerAttachment) Unfinished() bool { return a.Orphaned != "" && a.Gone.IsZero() }
