// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

func (a *app) rules() *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Suggest, check, apply and change the rules of the cluster", Args: cobra.NoArgs}
	cmd.AddCommand(a.suggestRules(), a.checkRules(), a.applyRules(), a.replaceRules())
	return cmd
}

// A suggestion is a rule for a network that has none.
type suggestion struct {
	name, match, about string
}

func (a *app) suggestRules() *cobra.Command {
	var ruleSet string
	cmd := a.command(&cobra.Command{
		Use:   "suggest",
		Short: "Print a RuleSet that names each network which has a colour only, by system name and VLAN; edit the names",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, c *client, _ []string) error {
		all, err := list(ctx, c, query{resource: networks}, func(n *network) (*network, bool) { return n, true })
		if err != nil {
			return err
		}
		var out []suggestion
		taken := map[string]bool{} // a rule of such a name would join two networks
		for _, n := range all {
			for _, name := range n.names() {
				taken[name] = true
			}
		}
		for _, n := range all {
			if len(n.Status.NamedBy) > 0 {
				continue
			}
			name := suggestedName(n)
			if taken[name] {
				name = n.Metadata.Name + "-net"
			}
			taken[name] = true
			for _, match := range matches(n, all) {
				about := fmt.Sprintf("%s: %s, on %s", n.Metadata.Name, fit.Line(identities(&n.Status)), plural(int(n.Status.Nodes), "node"))
				out = append(out, suggestion{name, match, about})
			}
		}
		if len(out) == 0 {
			return a.show().Print("Every network that is seen has a name by a rule.")
		}
		return a.show().Write(manifest(ruleSet, out))
	}, view.Text, formatYAML)
	cmd.Flags().StringVar(&ruleSet, "ruleset", "site", "`name` of the RuleSet")
	return cmd
}

// manifest is a RuleSet for people to edit.
func manifest(name string, all []suggestion) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: %s\nkind: RuleSet\nmetadata: {name: %s}\nspec:\n  networks:\n", v1alpha1.GroupVersion, strconv.Quote(name))
	for _, s := range all {
		fmt.Fprintf(&b, "  # %s\n  - name: %s\n    match: [%s]\n", fit.Printable(s.about), s.name, s.match)
	}
	return b.String()
}

// suggestedName is a name that says what the network is: a colour cannot be given by a rule.
func suggestedName(n *network) string {
	for _, id := range n.Status.Identities {
		system := rules.Label(cmp.Or(id.SystemName, bare(id.Switch)))
		if system != "" && id.VLAN != 0 {
			const most = 50
			return strings.Trim(system[:min(len(system), most)], "-") + "-vlan" + count(id.VLAN)
		}
	}
	return n.Metadata.Name + "-net"
}

// matches are those of a rule about a network: by system name and VLAN, or by chassis where
// the name does not say which switch it is.
func matches(n *network, all []*network) []string {
	var out []string
	for _, id := range n.Status.Identities {
		parsed, err := identity.ParseSwitch(id.Switch)
		if err != nil || parsed.Kind == identity.Pin || parsed.Kind == identity.Group || id.VLAN == 0 {
			continue
		}
		e := rules.Exact{System: id.SystemName, VLAN: uint16(id.VLAN)}
		if id.SystemName == "" || namesOthers(&id, all) || !e.Holds("system") {
			e.System, e.Chassis = "", discovery.ID(id.Switch)
		}
		if match, lacking := e.Match(); len(lacking) == 0 && !slices.Contains(out, match) {
			out = append(out, match)
		}
	}
	return out
}

// namesOthers reports whether another switch bears the system name of one.
func namesOthers(id *v1alpha1.Identity, all []*network) bool {
	return slices.ContainsFunc(all, func(n *network) bool {
		return slices.ContainsFunc(n.Status.Identities, func(o v1alpha1.Identity) bool { return o.SystemName == id.SystemName && o.Switch != id.Switch })
	})
}

// read reads a file with RuleSets, or with rules for one.
func (a *app) read(file, ruleSet string) (*proposal, error) {
	name, in := "standard input", a.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		defer func() { _ = f.Close() }() // read only
		name, in = file, f
	}
	data, err := io.ReadAll(io.LimitReader(in, yamlfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	m, ok := rules.ReadManifest(name, data)
	if !ok {
		return rulesFile(name, data, ruleSet)
	}
	if len(m.RuleSets) == 0 {
		return nil, fmt.Errorf("there is no RuleSet in %s, but %s", name, strings.Join(m.Others, ", "))
	}
	out := &proposal{others: m.Others}
	for _, r := range m.RuleSets {
		if slices.ContainsFunc(out.sets, func(p proposed) bool { return p.name == r.Name }) {
			return nil, fmt.Errorf("RuleSet %s is in %s twice; make one of the two, or name one otherwise", fit.Printable(r.Name), name)
		}
		if err := out.add(r.Name, r.Source); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rulesFile is a file of rules, as a node has one, that is to be a RuleSet.
func rulesFile(name string, data []byte, ruleSet string) (*proposal, error) {
	if ruleSet == "" {
		return nil, fmt.Errorf("%s holds rules, but no RuleSet; --ruleset NAME makes one of them", name)
	}
	out := &proposal{}
	return out, out.add(ruleSet, rules.Source{Name: name, Data: data})
}

// mistakes prints those in rules, one a line.
func (a *app) mistakes(err error) error {
	all, ok := errors.AsType[yamlfile.Mistakes](err)
	if !ok {
		return err
	}
	if err := a.show().Print("%s", all); err != nil {
		return err
	}
	return fmt.Errorf("the rules are not valid (%d to mend)", len(all))
}

func (a *app) checkRules() *cobra.Command {
	var ruleSet string
	cmd := a.command(&cobra.Command{
		Use:   "check FILE",
		Short: "Check rules: every mistake in them, and what they would change on every node",
		Long: "check reports every mistake in RuleSets, or in a rules file, and what they would change on each node that publishes what it hears.\n" +
			"RuleSets count in the place of those of the same name; the others in force stay. Where FILE is -, it is the standard input. Nothing is\n" +
			"changed.",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, files []string) error {
		p, err := a.read(files[0], cmp.Or(ruleSet, "checked"))
		if err != nil {
			return err
		}
		e, err := a.try(ctx, c, p)
		if err != nil {
			return a.mistakes(err)
		}
		if printed, err := a.data(e); printed {
			return err
		}
		return a.effectText(e)
	}, view.Text, view.Wide, view.JSON, formatYAML)
	cmd.Flags().StringVar(&ruleSet, "ruleset", "", "`name` of the RuleSet in whose place a rules file would be")
	return cmd
}

func (a *app) applyRules() *cobra.Command {
	var ruleSet string
	var w writing
	cmd := a.command(&cobra.Command{
		Use:   "apply FILE",
		Short: "Write RuleSets, or the rules of a file as one, once their effect on every node is shown",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, files []string) error {
		if files[0] == "-" && !w.yes && !w.dryRun {
			return errors.New("the rules come from the standard input, so nobody can be asked there; --yes writes without asking, --dry-run does not write")
		}
		p, err := a.read(files[0], ruleSet)
		if err != nil {
			return err
		}
		return a.carry(ctx, c, p, w)
	}, view.Text, view.Wide)
	cmd.Flags().StringVar(&ruleSet, "ruleset", "", "`name` of the RuleSet that a rules file becomes")
	writes(cmd.Flags(), &w)
	return cmd
}

func (a *app) replaceRules() *cobra.Command {
	var w writing
	cmd := a.command(&cobra.Command{
		Use:   "replace OLD NEW",
		Short: "Have all RuleSets name the chassis ID of a new switch where they name that of the old one",
		Args:  cobra.ExactArgs(2),
	}, func(ctx context.Context, c *client, ids []string) error {
		old, oldErr := rules.ParseChassisID(ids[0])
		now, nowErr := rules.ParseChassisID(ids[1])
		if err := errors.Join(oldErr, nowErr); err != nil {
			return err
		}
		p, err := c.replaced(ctx, old, now)
		if err != nil {
			return err
		}
		return a.carry(ctx, c, p, w)
	}, view.Text, view.Wide)
	writes(cmd.Flags(), &w)
	return cmd
}

// replaced are the RuleSets that name one switch, naming another.
func (c *client) replaced(ctx context.Context, old, now discovery.ID) (*proposal, error) {
	all, err := c.rules(ctx)
	if err != nil {
		return nil, err
	}
	out := &proposal{made: all}
	for _, s := range all {
		n, err := rules.ReplaceChassis(s.Name, s.Data, old, now)
		if err != nil {
			return nil, err
		}
		if len(n.Lines) == 0 {
			continue
		}
		s.Data = n.Data
		out.sets, out.sources = append(out.sets, proposed{strings.TrimPrefix(s.Name, clusterview.RuleSourceName("")), n.Data}), append(out.sources, s)
	}
	if len(out.sets) == 0 {
		return nil, fmt.Errorf("no RuleSet names %s exactly; \"kubectl get rulesets -o yaml\" shows the rules, where it may be by a pattern or a system name", old)
	}
	return out, nil
}

func (a *app) name() *cobra.Command {
	var ruleSet string
	var w writing
	cmd := a.command(&cobra.Command{
		Use:   "name COLOUR NAME",
		Short: "Name a network that has a colour only, by a RuleSet, once the effect on every node is shown",
		Args:  cobra.ExactArgs(2),
	}, func(ctx context.Context, c *client, args []string) error {
		p, err := c.naming(ctx, args[0], args[1], cmp.Or(ruleSet, args[1]))
		if err != nil {
			return err
		}
		return a.carry(ctx, c, p, w)
	}, view.Text, view.Wide)
	cmd.Flags().StringVar(&ruleSet, "ruleset", "", "`name` of the RuleSet to make; the name of the network without it")
	cmd.ValidArgsFunction = a.completeNames(colours)
	writes(cmd.Flags(), &w)
	return cmd
}

// naming proposes a RuleSet that names a network.
func (c *client) naming(ctx context.Context, colour, name, ruleSet string) (*proposal, error) {
	if !rules.ValidName(name) {
		return nil, fmt.Errorf("%q is not a name; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends", name)
	}
	some, err := c.networksNamed(ctx, []string{colour})
	if err != nil {
		return nil, err
	}
	n := some[0]
	if len(n.Status.NamedBy) > 0 {
		return nil, fmt.Errorf("%s has the name %s by %s; change it there", colour, n.Metadata.Name, namedBy(&n.Status))
	}
	all, err := list(ctx, c, query{resource: networks}, func(n *network) (*network, bool) { return n, true })
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if slices.Contains(o.names(), name) {
			return nil, fmt.Errorf("%s is a network already, of %s; choose another name, or write a rule that joins them (docs/rules.md)", name, cmp.Or(o.Status.Summary.Switches, "no switch"))
		}
	}
	if _, err := get[object](ctx, c, query{resource: colours, name: name}); !isMissing(err) {
		return nil, cmp.Or(err, fmt.Errorf("%s is the colour of a network that nobody sees now; choose another name, as that one is its for good", name))
	}
	found := matches(n, all)
	if len(found) == 0 {
		return nil, fmt.Errorf("no rule can be written of what %s is: %s", colour, identities(&n.Status))
	}
	if _, err := get[object](ctx, c, query{resource: ruleSets, name: ruleSet}); !isMissing(err) {
		return nil, cmp.Or(err, fmt.Errorf("there is a RuleSet %s already; --ruleset makes one of another name", ruleSet))
	}
	text := fmt.Sprintf("networks: [{name: %q, match: [%s]}]", name, strings.Join(found, ", "))
	spec, err := (&rules.Source{Name: clusterview.RuleSourceName(ruleSet), Data: []byte(text)}).Spec()
	if err != nil {
		return nil, err
	}
	source, err := clusterview.RuleSource(ruleSet, json.RawMessage(spec))
	return &proposal{sets: []proposed{{ruleSet, spec}}, sources: []rules.Source{source}}, err
}
