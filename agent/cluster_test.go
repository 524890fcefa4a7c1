// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// A saidCluster says what a test has it say.
type saidCluster struct {
	identity  string
	updates   chan agentapi.ClusterUpdate
	published *agentapi.State
}

func (*saidCluster) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (c *saidCluster) Identity() string {
	if c.identity == "" {
		return "test"
	}
	return c.identity
}

func (*saidCluster) String() string                           { return "cluster of a test" }
func (c *saidCluster) Updates() <-chan agentapi.ClusterUpdate { return c.updates }
func (c *saidCluster) Publish(s *agentapi.State)              { c.published = s }

// inCluster makes the bench's node one of a cluster, whose rules are watched.
func (b *bench) inCluster() *saidCluster {
	c := &saidCluster{updates: make(chan agentapi.ClusterUpdate)}
	b.cluster, b.config.Colours.Attach = c, false
	return c
}

// says is what a cluster with one RuleSet says.
func (b *bench) says(spec string, colours ...mapping.Colour) {
	b.t.Helper()
	c, ok := b.cluster.(*saidCluster)
	if !ok {
		b.t.Fatal("no cluster")
	}
	c.updates <- agentapi.ClusterUpdate{
		RuleSets: []rules.Source{{Name: "ruleset/site", Root: "spec", Data: []byte(spec)}}, Colours: append([]mapping.Colour{}, colours...),
	}
	synctest.Wait()
	b.takeRuleSets()
}

// takeRuleSets has what the cluster says settle at once.
func (b *bench) takeRuleSets() {
	b.rules.Take(<-b.rules.Offered())
	synctest.Wait()
}

func (b *bench) nodeFile() *nodefile.File {
	b.t.Helper()
	f, err := nodefile.Read(filepath.Join(b.config.RunDirectory, nodefile.FileName))
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

const (
	fileGreen  = "networks:\n  - name: green\n    match: [{vlan: 100}]\n"
	specBlue   = `{"networks": [{"name": "blue", "match": [{"vlan": 100}]}]}`
	specIgnore = `{"ignore": [{"system": "leaf-*"}]}`
)

// TestClusterUnknown holds that a node which never heard of the cluster's rules gives
// no names, by rules of its own neither: the cluster may ignore the very neighbour.
func TestClusterUnknown(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", fileGreen)
		b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		b.expect("nothing known of the cluster", []string(nil)...)
		if f := b.nodeFile(); f.Converged || !strings.Contains(f.RulesProblem, "RuleSets of the cluster are not known yet") {
			b.t.Errorf("node file: converged %v, problem %q", f.Converged, f.RulesProblem)
		}
		b.says(specIgnore)
		b.see(heard(sw1, 100))
		b.expect("ignored", []string(nil)...)
		if f := b.nodeFile(); f.RulesProblem != "" {
			b.t.Errorf("node file: problem %q", f.RulesProblem)
		}
		b.says(specBlue)
		b.see(heard(sw1, 100))
		b.expect("the file comes first", "green eth1 fresh")
		if f := b.nodeFile(); !f.Converged {
			b.t.Error("not converged")
		}
	})
}

// TestClusterAway holds that what the cluster said last counts over a restart, until it
// says something else, mistakes excepted.
func TestClusterAway(t *testing.T) {
	playAgent(t, func(b *bench) {
		c := b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		b.says(specBlue)
		b.expect("blue", "blue eth1 fresh")
		if c.published == nil || len(c.published.View.Uplinks) != 1 || c.published.View.Uplinks[0].Name != "blue" {
			b.t.Errorf("published %+v", c.published)
		}
		b.says(`{"networks": [{"nam": "red", "match": [{"vlan": 100}]}]}`)
		b.expect("a mistake", "blue eth1 fresh")
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.RulesInvalid}) {
			b.t.Errorf("conditions %v", got)
		}
		b.stop()

		b.inCluster()
		b.start()
		b.stand(sw1, 100)
		b.expect("after a restart", "blue eth1 fresh")
		if f := b.nodeFile(); !f.Converged {
			b.t.Error("not converged without the cluster")
		}
		unreachable := mapping.Condition{Type: mapping.ClusterUnreachable, Message: "away"}
		said, ok := b.cluster.(*saidCluster)
		if !ok {
			b.t.Fatal("no cluster")
		}
		said.updates <- agentapi.ClusterUpdate{Problems: []mapping.Condition{unreachable}}
		synctest.Wait()
		b.expect("away", "blue eth1 fresh")
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.ClusterUnreachable}) {
			b.t.Errorf("conditions %v", got)
		}
		b.write("rules.yaml", fileGreen)
		b.readRules()
		b.expect("a rule of the node", "green eth1 fresh")
		b.says(`{}`)
		b.expect("the cluster has no rules any more", "green eth1 fresh")
		b.stop()

		b.cluster = nil
		b.start()
		b.see(heard(sw1, 100))
		b.expect("on its own", "green eth1 fresh")
	})
}

// TestClusterUnknownMovesNobody holds that a container is not taken for moved because the
// rules that would tell its network are not known.
func TestClusterUnknownMovesNobody(t *testing.T) {
	const grouped = "switchGroups:\n  dc:\n    match: [{system: \"leaf-*\"}]\n    vlans: {100: green}\n"
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", grouped)
		b.start()
		b.see(heard(sw1, 100))
		r := b.record("c1", record.Netns{})
		r.Identity = string(mapping.Identity{Kind: identity.Group, Switch: "dc", VLAN: 100}.Key())
		b.keep(r)
		b.readRecords()
		if got := b.statuses(); !slices.Equal(got, []agentapi.ContainerStatus{agentapi.ContainerOK}) {
			b.t.Errorf("on its own: %v", got)
		}
		b.stop()

		b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		if got := b.statuses(); !slices.Equal(got, []agentapi.ContainerStatus{agentapi.ContainerUnverified}) || b.moved() != nil {
			b.t.Errorf("nothing known of the cluster: %v, moved %v", got, b.moved())
		}
		b.says(`{}`)
		if got := b.statuses(); !slices.Equal(got, []agentapi.ContainerStatus{agentapi.ContainerOK}) {
			b.t.Errorf("known: %v", got)
		}
		b.says(specIgnore)
		b.stop()

		b.cluster = nil // the kept rules are the file's again
		if err := os.Remove(filepath.Join(b.config.StateDirectory, "rules.last-good.json")); err != nil {
			b.t.Fatal(err)
		}
		b.write("rules.yaml", "networks: 5\n")
		b.start()
		b.see(heard(sw1, 100))
		if got := b.statuses(); !slices.Equal(got, []agentapi.ContainerStatus{agentapi.ContainerUnverified}) || b.moved() != nil {
			b.t.Errorf("no good rules: %v, moved %v", got, b.moved())
		}
	})
}

// TestClusterFileUnreadable holds that the RuleSets alone do not count where the node has
// rules that cannot be read: those may ignore the very neighbour.
func TestClusterFileUnreadable(t *testing.T) {
	playAgent(t, func(b *bench) {
		if err := os.Mkdir(b.config.Rules, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		b.says(specBlue)
		b.expect("the file cannot be read", []string(nil)...)
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.RulesInvalid}) {
			b.t.Errorf("conditions %v", got)
		}
		if f := b.nodeFile(); f.Converged || !strings.Contains(f.RulesProblem, "read rules: ") {
			b.t.Errorf("node file: converged %v, problem %q", f.Converged, f.RulesProblem)
		}
		if err := os.Remove(b.config.Rules); err != nil {
			b.t.Fatal(err)
		}
		b.readRules()
		b.expect("there is none", "blue eth1 fresh")
		if err := os.Mkdir(b.config.Rules, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.readRules()
		b.says(specIgnore)
		b.expect("a file that was never read", "blue eth1 fresh")
	})
}

// TestClusterMistakeGone holds that a mistake is forgotten with the RuleSet that made it,
// though there are no rules then as before.
func TestClusterMistakeGone(t *testing.T) {
	playAgent(t, func(b *bench) {
		c := b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		none := func() {
			c.updates <- agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: []mapping.Colour{}}
			synctest.Wait()
			b.takeRuleSets()
		}
		none()
		b.stop()

		c = b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		b.says(`{"networks": 5}`)
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.RulesInvalid}) {
			b.t.Errorf("a mistake: conditions %v", got)
		}
		none()
		if got := b.conditions(); got != nil {
			b.t.Errorf("none: conditions %v", got)
		}
	})
}

// TestClusterUnkept holds that a node says when it could not keep what the cluster said,
// and keeps it as soon as it can.
func TestClusterUnkept(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.config.StateDirectory = filepath.Join(b.t.TempDir(), "state")
		b.inCluster()
		b.start()
		b.see(heard(sw1, 100))
		b.says(specBlue, mapping.Colour{Name: "red-wren", Identity: mapping.Identity{Switch: "mac:" + sw1, VLAN: 100}})
		b.expect("named", "blue eth1 fresh")
		if got := b.conditions(); !slices.Contains(got, mapping.FilesUnwritable) {
			b.t.Errorf("conditions %v", got)
		}
		if err := os.Mkdir(b.config.StateDirectory, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.readRules()
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if got := b.conditions(); got != nil {
			b.t.Errorf("conditions %v", got)
		}
		kept := rulebook.New("", "test", b.config.StateDirectory, slog.New(slog.DiscardHandler)).Load().RuleSets
		colours, err := store{statefile.Dir(b.config.StateDirectory)}.clusterColours("test")
		if len(kept) != 1 || len(colours) != 1 {
			b.t.Errorf("kept %v, %v, %v", kept, colours, err)
		}
	})
}

// TestClusterColours holds that a node in a cluster uses the cluster's colours only, as
// those of one node could stand for something else on another.
func TestClusterColours(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see(heard(sw1, 100))
		own := colourOf1(b)
		b.stop()

		id := mapping.Identity{Switch: "mac:" + sw1, VLAN: 100}
		b.inCluster()
		b.config.Colours.Attach = true
		b.start()
		b.see(heard(sw1, 100))
		b.expect("nothing known", []string(nil)...)
		b.says(`{}`, mapping.Colour{Name: "red-wren", Identity: id}, mapping.Colour{Name: "sky-emu", Identity: id}, mapping.Colour{Name: own, Identity: mapping.Identity{Switch: "mac:" + sw2, VLAN: 100}})
		b.expect("colours", "red-wren eth1 fresh", "sky-emu eth1 fresh")
		b.stand(sw1, 300)
		b.stop()

		b.inCluster()
		b.config.Colours.Attach = true
		b.start()
		b.stand(sw1, 100)
		b.expect("after a restart", "red-wren eth1 fresh", "sky-emu eth1 fresh")
		b.says(specBlue, mapping.Colour{Name: "red-wren", Identity: id})
		b.expect("named", "blue eth1 fresh", "red-wren eth1 fresh")
		b.stop()

		b.cluster = nil
		b.start()
		b.see(heard(sw1, 100))
		b.expect("on its own again", own+" eth1 fresh")
	})
}

// TestOtherCluster holds that what one cluster said does not count in another.
func TestOtherCluster(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.inCluster()
		b.config.Colours.Attach = true
		b.start()
		b.see(heard(sw1, 100))
		b.says(specBlue, mapping.Colour{Name: "red-wren", Identity: mapping.Identity{Switch: "mac:" + sw1, VLAN: 100}})
		b.expect("one", "blue eth1 fresh", "red-wren eth1 fresh")
		b.stop()
		b.inCluster().identity = "other"
		b.start()
		b.see(heard(sw1, 100))
		b.expect("another", []string(nil)...)
		b.says(`{}`)
		b.expect("another, heard", []string(nil)...)
	})
}

// TestClusterWithoutRules holds that a cluster without RuleSets is known as one.
func TestClusterWithoutRules(t *testing.T) {
	playAgent(t, func(b *bench) {
		c := b.inCluster()
		b.config.Colours.Attach = true
		b.start()
		b.see(heard(sw1, 100))
		c.updates <- agentapi.ClusterUpdate{RuleSets: []rules.Source{}, Colours: []mapping.Colour{{Name: "red-wren", Identity: mapping.Identity{Switch: "mac:" + sw1, VLAN: 100}}}}
		synctest.Wait()
		b.takeRuleSets()
		b.expect("known", "red-wren eth1 fresh")
		b.stop()
		b.inCluster()
		b.start()
		b.stand(sw1, 100)
		b.expect("after a restart", "red-wren eth1 fresh")
		if got := b.conditions(); len(got) != 0 {
			b.t.Errorf("conditions %v", got)
		}
	})
}
