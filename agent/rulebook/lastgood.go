// SPDX-License-Identifier: Apache-2.0

package rulebook

import (
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// The file in the state directory that holds the rules which were in force last, and its
// format.
const (
	lastGoodName    = "rules.last-good.json"
	lastGoodVersion = 1
)

// lastGoodFile is what rules.last-good.json holds. A RuleSet cannot be told from its
// absence by its content, so a list that is empty differs from none.
type lastGoodFile struct {
	Version int           `json:"version"`
	File    *keptSource   `json:"file"`
	Of      string        `json:"of,omitempty"` // the cluster
	Cluster *[]keptSource `json:"cluster"`
}

// keptSource is a source of rules whose text people can read.
type keptSource struct {
	Name string `json:"name"`
	Root string `json:"root,omitempty"`
	Data string `json:"data"`
}

func keep(s rules.Source) keptSource {
	return keptSource{Name: s.Name, Root: s.Root, Data: string(s.Data)}
}

func (k keptSource) source() rules.Source {
	return rules.Source{Name: k.Name, Root: k.Root, Data: []byte(k.Data)}
}

// readLastGood reads the rules that were last in force. Those of another cluster, or of one
// that the node has left, are unknown.
func readLastGood(dir statefile.Dir, cluster string) (sources, error) {
	var f lastGoodFile
	if err := dir.Read(lastGoodName, lastGoodVersion, &f); err != nil {
		return sources{}, err
	}
	var out sources
	if f.File != nil {
		file := f.File.source()
		out.File = &file
	}
	if f.Cluster != nil && f.Of == cluster && cluster != "" {
		out.Of, out.Cluster = f.Of, []rules.Source{}
		for _, k := range *f.Cluster {
			out.Cluster = append(out.Cluster, k.source())
		}
	}
	return out, nil
}

func saveLastGood(dir statefile.Dir, r sources) error {
	f := lastGoodFile{Version: lastGoodVersion, Of: r.Of}
	if r.File != nil {
		file := keep(*r.File)
		f.File = &file
	}
	if r.Cluster != nil {
		f.Cluster = &[]keptSource{}
		for _, source := range r.Cluster {
			*f.Cluster = append(*f.Cluster, keep(source))
		}
	}
	return dir.Write(lastGoodName, f)
}
