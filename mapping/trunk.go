// SPDX-License-Identifier: Apache-2.0

package mapping

// trunks are the ports, by ifindex, on which tagged VLANs are told or declared.
func (r *resolver) trunks() map[int]bool {
	trunks := map[int]bool{}
	for port := range r.budget.cut {
		trunks[port] = true
	}
	for i := range r.view.Uplinks {
		if a := &r.view.Uplinks[i]; a.VID != 0 {
			trunks[a.Port.Index] = true
		}
	}
	return trunks
}

// markTrunks marks what is untagged on a trunk, on any member of a bond or bridge too: a
// backup may come to carry the frames.
func (r *resolver) markTrunks(trunks map[int]bool) {
	for i := range r.view.Uplinks {
		a := &r.view.Uplinks[i]
		a.Trunk = a.VID == 0 && trunks[a.Port.Index]
		for _, m := range a.Members {
			a.Trunk = a.Trunk || m.VID == 0 && trunks[m.Port.Index]
		}
	}
}
