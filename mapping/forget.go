// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/belief"
)

// Forget is the memory without what was heard on a port, by the word of an admin who says
// that this is over, and who that was; nobody where nothing was remembered. It refuses while
// a switch is heard there, or may be still: that is not over. It changes no Memory.
func (m Memory) Forget(w World, snap *discovery.Snapshot, ifname string) (after Memory, who string, err error) {
	w.look(m, snap)
	known := slices.IndexFunc(m.Ports, func(b belief.Port) bool {
		ifi, listens := snap.Interface(b.Index)
		_, port := snap.Port(b.Index)
		return listens && port && ifi.Name == ifname
	})
	if known < 0 {
		return m, "", fmt.Errorf("colvind does not listen on %q; \"%s\" says why", ifname, paste.Operand(ifname, "colvin", "explain"))
	}
	b := m.Ports[known]
	if v := w.speaking(&b, snap); v != nil {
		return m, "", fmt.Errorf("%s: %s is heard there, so that is not over; it counts as gone from %s on, if nothing is heard of it until then", ifname, describe(&v.Neighbor), fit.Stamp(v.GoneAt()))
	}
	switch {
	case b.Led != nil:
		who = describe(b.Led)
	case b.Holder != nil:
		who = describe(&b.Holder.Neighbor)
	}
	m.Ports = slices.Clone(m.Ports)
	m.Ports[known] = b.Forgotten(snap.Time)
	return m, who, nil
}

// speaking is a switch that is heard on a port, or may be still; nil where there is none.
func (w *World) speaking(b *belief.Port, snap *discovery.Snapshot) *belief.Voice {
	read := w.reader(b.Interface)
	for i := range b.Voices {
		v := &b.Voices[i]
		if !v.Gone(snap.Time) && counts(read, &belief.Port{Holder: v}) {
			return v
		}
	}
	return nil
}
