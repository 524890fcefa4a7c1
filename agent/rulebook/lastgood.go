// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

const lastGoodVersion = 1

// lastGoodFile holds the rules which were in force last. A RuleSet cannot be told from
// its absence by its content, so a list that is empty differs from none.
type lastGoodFile struct {
	Version int            `json:"version"`
	File    *rules.Stored  `json:"file"`
	Of      string         `json:"of,omitempty"` // the cluster
	Cluster []rules.Stored `json:"cluster"`
}

var lastGoodFormat = statefile.Format[lastGoodFile]{Name: "rules.last-good.json", Version: lastGoodVersion, Limit: 256 << 20}

// readLastGood reads the rules that were last in force. Those of another cluster, or of one
// that the node has left, are unknown.
func readLastGood(dir statefile.Dir, cluster string) (sources, error) {
	f, err := lastGoodFormat.Read(dir)
	if err != nil {
		return sources{}, dir.Recover(lastGoodFormat.Name, err)
	}
	var out sources
	if f.File != nil {
		out.File = &rules.Restore([]rules.Stored{*f.File})[0]
	}
	if f.Cluster != nil && f.Of == cluster && cluster != "" {
		out.Of, out.Cluster = f.Of, rules.Restore(f.Cluster)
	}
	return out, nil
}

func saveLastGood(dir statefile.Dir, r sources) error {
	f := lastGoodFile{Version: lastGoodVersion, Of: r.Of, Cluster: rules.Store(r.Cluster)}
	if r.File != nil {
		f.File = &rules.Store([]rules.Source{*r.File})[0]
	}
	return lastGoodFormat.Write(dir, f)
}
