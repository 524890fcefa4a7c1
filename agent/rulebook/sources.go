// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/colvin-net/colvin/mapping/rules"
)

// sources are all places that rules come from.
type sources struct {
	File    *rules.Source  // of the node; nil without one
	Cluster []rules.Source // of the RuleSets, in the order in which they count; nil while unknown
	Of      string         // the cluster whose RuleSets they are
}

func (s *sources) all() []rules.Source {
	if s.File == nil {
		return s.Cluster
	}
	return slices.Concat([]rules.Source{*s.File}, s.Cluster)
}

// hash tells sources apart.
func (s *sources) hash() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, source := range s.all() {
		for _, part := range []string{source.Name, source.Root, string(source.Data)} {
			_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash takes everything
			h.Write([]byte(part))
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
