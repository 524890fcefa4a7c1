// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"fmt"
	"path"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// Patterns choose the ports among a node's interfaces, in order: the last
// pattern that matches an interface's name decides, and one that begins with "!"
// excludes. "*" stands for every hardware port. A veth becomes a port only where
// a pattern with a literal character names it, which labs do; virtual functions
// never do, they inherit the networks of their physical function.
type Patterns []string

// Validate reports the first pattern that is none.
func (p Patterns) Validate() error {
	for _, s := range p {
		glob := strings.TrimPrefix(s, "!")
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			return fmt.Errorf("interface pattern %q is not a glob such as \"eth*\" or \"!eth0\"", s)
		}
	}
	return nil
}

// Port reports whether Colvin listens on the interface.
func (p Patterns) Port(i discovery.Interface) bool {
	if !i.Ethernet || i.VF {
		return false
	}
	if !i.Hardware() && i.Kind != discovery.KindVETH {
		return false
	}
	port := false
	for _, s := range p {
		glob, exclude := strings.CutPrefix(s, "!")
		named := strings.Trim(glob, "*?") != ""
		if ok, _ := path.Match(glob, i.Name); ok && (exclude || i.Hardware() || named) {
			port = !exclude
		}
	}
	return port
}
