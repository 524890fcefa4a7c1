// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// statusReport is "colvin status" as JSON.
type statusReport struct {
	Version    string              `json:"version"`
	Node       string              `json:"node"`
	Started    time.Time           `json:"started"`
	Converged  bool                `json:"converged"`
	Pending    []string            `json:"pending"`
	Rules      agentapi.Rules      `json:"rules"`
	Ports      []discovery.Port    `json:"ports"`
	Conditions []mapping.Condition `json:"conditions"`

	snapshot *discovery.Snapshot
}

func (a *app) status() *cobra.Command {
	return a.formats(&cobra.Command{
		Use:   "status",
		Short: "Show whether the agent is well, its ports and counters (-o wide: also those that are zero)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.state(cmd.Context())
			if errors.Is(err, fs.ErrPermission) {
				return a.statusFromFile(err)
			}
			if err != nil {
				return a.needsAgent(err)
			}
			r := statusReport{
				Version: s.Version, Node: s.Node, Started: s.Started, Converged: s.View.Converged, Rules: s.Rules,
				Pending: append([]string{}, s.View.Pending...), Ports: append([]discovery.Port{}, s.Snapshot.Ports...),
				Conditions: append([]mapping.Condition{}, s.View.Conditions...),
				snapshot:   s.Snapshot,
			}
			if a.format == formatJSON {
				return a.json(r)
			}
			return a.statusText(&r)
		},
	}, formatTable, formatWide, formatJSON)
}

// statusFromFile shows what the agent tells everybody.
func (a *app) statusFromFile(denied error) error {
	f, err := a.fileInstead(denied)
	if err != nil {
		return err
	}
	agent := "cannot be told by this user"
	if pid := agentlock.Holder(filepath.Join(a.runDir, agentlock.Name)); pid != 0 {
		agent = fmt.Sprintf("colvind runs, process %d", pid)
	}
	converged := everyPort
	if !f.Converged {
		converged = waitingFor(f.Pending)
	}
	rules := "in force"
	if f.RulesProblem != "" {
		rules = "the latest are not in force: " + f.RulesProblem
	}
	var networks []string
	for _, n := range f.Networks {
		networks = append(networks, n.Name)
	}
	return a.facts([]fact{
		{"Agent", agent},
		{"Converged", converged},
		{"Rules", rules},
		{"Networks", cmp.Or(strings.Join(networks, ", "), "none")},
		{"Moved", strings.Join(movedIn(f), ", ")},
	})
}

// movedIn are the containers that are in another network by now.
func movedIn(f *nodefile.File) []string {
	var out []string
	for _, m := range f.Moved {
		out = append(out, fmt.Sprintf("%s of container %s, now in %s", fit.Printable(m.IfName), fit.Cut(fit.Printable(m.ContainerID), 13), fit.Printable(identity.Key(m.Identity).Named())))
	}
	return out
}

func (a *app) statusText(r *statusReport) error {
	if err := a.facts(a.statusFacts(r)); err != nil || len(r.Ports) == 0 {
		return err
	}
	for _, part := range []func(*statusReport) error{a.portTable, a.counters} {
		if err := a.print(""); err != nil {
			return err
		}
		if err := part(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) statusFacts(r *statusReport) []fact {
	converged := everyPort
	switch {
	case len(r.Ports) == 0:
		converged = view.NoPort
	case !r.Converged && len(r.Pending) > 0:
		converged = waitingFor(r.Pending)
	}
	facts := []fact{
		{"Agent", fmt.Sprintf("colvind %s on %s, up %s", r.Version, r.Node, fit.Age(a.now().Sub(r.Started)))},
		{"Converged", converged},
		{"Rules", inForce(&r.Rules)},
	}
	for _, w := range r.Rules.Warnings {
		facts = append(facts, fact{"Warning", w})
	}
	for _, c := range r.Conditions {
		facts = append(facts, fact{string(c.Type), c.Message})
	}
	return facts
}

const everyPort = "every port was heard or waited for"

func waitingFor(pending []string) string {
	return "not yet: waiting for " + strings.Join(pending, ", ")
}

// inForce says which rules are in force.
func inForce(r *agentapi.Rules) string {
	from := slices.DeleteFunc(append([]string{r.File}, r.RuleSets...), func(s string) bool { return s == "" })
	switch {
	case r.Waiting:
		return "none, until those of the cluster are known"
	case !r.Loaded.IsZero() && len(from) == 0:
		return "none: there is no file, and the cluster has no RuleSet"
	case !r.Loaded.IsZero():
		return fmt.Sprintf("%s, read at %s", strings.Join(from, ", "), fit.Stamp(r.Loaded))
	case r.File != "":
		return "none of " + r.File
	default:
		return "none"
	}
}

// portTable shows what is heard and sent on each port.
func (a *app) portTable(r *statusReport) error {
	var cells [][]string
	self := r.snapshot.Self()
	for i := range r.Ports {
		p := &r.Ports[i]
		note := cmp.Or(p.Problem, p.RouterProblem, p.Transmit.Reason)
		cells = append(cells, []string{p.Name, p.NIC.Driver, heard(self, p), string(p.Transmit.State), note})
	}
	return a.table([]string{"PORT", "DRIVER", "NEIGHBORS", "TRANSMIT", "NOTE"}, cells)
}

// heard counts the neighbours of a port by protocol.
func heard(self *discovery.Self, p *discovery.Port) string {
	count, itself := self.CountNeighbors(p)
	var out []string
	for _, protocol := range []discovery.Protocol{discovery.ProtocolLLDP, discovery.ProtocolCDP} {
		if n := count[protocol]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, protocol))
		}
	}
	if itself > 0 {
		out = append(out, "this node")
	}
	if p.TooManyNeighbors {
		out = append(out, "more refused")
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// counters shows the counters of each port, those that are zero only when asked
// for wide: most are, for ever.
func (a *app) counters(r *statusReport) error {
	ports := r.Ports
	if err := a.print("Counters (IEEE Std 802.1AB-2016, 9.2.6):"); err != nil {
		return err
	}
	var facts []fact
	for i := range ports {
		name, counts := ports[i].Name, counts(&ports[i].Counters)
		var out []string
		for _, c := range counts {
			switch {
			case a.format == formatWide:
				facts = append(facts, fact{name + " " + c.name, c.String()})
			case c.n > 0:
				out = append(out, c.name+" "+c.String())
			}
		}
		if a.format != formatWide {
			facts = append(facts, fact{name, cmp.Or(strings.Join(out, ", "), "all are zero")})
		}
	}
	return a.facts(facts)
}

// A count is a counter under its name in JSON.
type count struct {
	name    string
	n       uint64
	reasons discovery.Discards // n by reason
}

// String is the number, in parentheses what it is made of.
func (c *count) String() string {
	n := strconv.FormatUint(c.n, 10)
	if len(c.reasons) == 0 {
		return n
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(c.reasons)) {
		parts = append(parts, fmt.Sprintf("%s %d", reason, c.reasons[reason]))
	}
	return fmt.Sprintf("%s (%s)", n, strings.Join(parts, ", "))
}

// counts are all counters of a port.
func counts(k *discovery.PortCounters) []count {
	return []count{
		{name: "statsFramesInTotal", n: k.FramesIn},
		{name: "statsFramesOutTotal", n: k.FramesOut},
		{name: "statsFramesInErrorsTotal", n: k.FramesInErrors},
		{name: "statsFramesDiscardedTotal", n: k.FramesDiscarded, reasons: k.Discards},
		{name: "statsTLVsDiscardedTotal", n: k.TLVsDiscarded},
		{name: "statsTLVsUnrecognizedTotal", n: k.TLVsUnrecognized},
		{name: "statsAgeoutsTotal", n: k.Ageouts},
		{name: "tooManyNeighborsTotal", n: k.TooManyNeighbors},
		{name: "lldpduLengthErrors", n: k.LengthErrors},
	}
}
