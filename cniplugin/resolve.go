// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// resolve finds the one device that leads to the network asked for. It errs on
// the side of no answer: not knowing is allowed, guessing is not.
func (p *Plugin) resolve(c *conf, node *nodefile.File) (*target, error) {
	var usable, late, unusable []nodefile.Uplink
	for _, a := range node.Lookup(c.network) {
		switch {
		case !a.Usable || !a.Attachable():
			unusable = append(unusable, a)
		case !p.onTime(&a):
			late = append(late, a)
		default:
			usable = append(usable, a)
		}
	}
	switch {
	case len(usable) > 0:
		return p.choose(c, node, usable)
	case len(late) > 0:
		return nil, p.lateError(c, node, late)
	case len(unusable) > 0:
		return nil, p.unusableError(c, node, unusable)
	}
	return nil, p.unknownError(c, node)
}

// choose decides between usable uplinks and lets the kernel confirm.
func (p *Plugin) choose(c *conf, node *nodefile.File, usable []nodefile.Uplink) (*target, error) {
	usable, err := p.usableBy(c, node, usable)
	if err == nil {
		usable, err = isolated(c, node, usable)
	}
	if err != nil {
		return nil, err
	}
	one := oneNetwork(usable)
	if one {
		usable = existing(usable)
	}
	if len(usable) > 1 && (c.selection != selectFirst || !one) {
		return nil, ambiguousError(c, node, usable)
	}
	var first error
	for i := range usable {
		t, err := p.confirm(c, node, &usable[i])
		if err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
	}
	if _, unsafe := errors.AsType[unsafeError](first); unsafe {
		return nil, fail(errUnsafe, "%s: network %q: %v", node.Node, c.network, first)
	}
	return nil, fail(types.ErrTryAgainLater, "%s: network %q cannot be used now: %v; %s",
		node.Node, c.network, first, p.remedy(first))
}

// remedy is what helps against an error of the kernel's view.
func (p *Plugin) remedy(err error) string {
	if e, ok := errors.AsType[remediedError](err); ok {
		return e.remedy
	}
	return p.agentAdvice()
}

// existing keeps those whose device is there, if any is: a VLAN device is made
// only where nothing else leads to the network.
func existing(uplinks []nodefile.Uplink) []nodefile.Uplink {
	there := slices.DeleteFunc(slices.Clone(uplinks), func(a nodefile.Uplink) bool { return a.Device == (nodefile.Link{}) })
	if len(there) == 0 {
		return uplinks
	}
	return there
}

// oneNetwork reports whether every uplink leads to the same network, or the
// rules say that their networks count as one.
func oneNetwork(all []nodefile.Uplink) bool {
	for _, a := range all {
		if a.Identity != all[0].Identity && !(a.Spans && all[0].Spans) {
			return false
		}
	}
	return true
}

func ambiguousError(c *conf, node *nodefile.File, uplinks []nodefile.Uplink) error {
	var list []string
	for i := range uplinks {
		list = append(list, deviceName(&uplinks[i])+" ("+why(&uplinks[i])+")")
	}
	advice := `set "select": "first" to take the first`
	if !oneNetwork(uplinks) {
		advice = `they are different networks, so "select" does not decide: give them different names in the rules, or accept them as one there with spans: true`
	}
	return fail(errAmbiguous, "%s: network %q is ambiguous: %s lead to it; %s",
		node.Node, c.network, strings.Join(atMost(list), " and "), advice)
}

// deviceName is what containers attach to, with the tag.
func deviceName(a *nodefile.Uplink) string {
	return cmp.Or(a.Device.Name, a.Parent.Name) + withTag(a.VID)
}

// why is the evidence for an uplink.
func why(a *nodefile.Uplink) string {
	if isPinned(a) {
		return pinnedBy(a)
	}
	parts := []string{a.Neighbor, identity.Key(a.Identity).Named()}
	if a.Rule != "" {
		parts = append(parts, a.Rule)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// isPinned reports whether nothing but a rule says where an uplink leads.
func isPinned(a *nodefile.Uplink) bool {
	id, err := identity.Parse(identity.Key(a.Identity))
	return err == nil && id.Kind == identity.Pin && a.Certainty != nodefile.Fresh && a.Certainty != nodefile.Stale
}

func pinnedBy(a *nodefile.Uplink) string {
	return fmt.Sprintf("pinned by %s: nobody on the wire confirms it", a.Rule)
}

// lateError is for what nobody has confirmed for too long: the agent is dead, or frozen.
func (p *Plugin) lateError(c *conf, node *nodefile.File, late []nodefile.Uplink) error {
	var list []string
	for i := range late {
		list = append(list, deviceName(&late[i])+" ("+why(&late[i])+")")
	}
	return fail(types.ErrTryAgainLater, `%s: network %q cannot be used now: what colvind knew of %s was written %s (%s), which is too old to attach by; is colvind running? "systemctl status colvind" tells, or in a cluster the agent's pod on this node`,
		node.Node, c.network, strings.Join(atMost(list), " and "), p.ago(node.Written), node.Written.UTC().Format(time.RFC3339))
}

// unusableError is 11 where time can help, else 100.
func (p *Plugin) unusableError(c *conf, node *nodefile.File, all []nodefile.Uplink) error {
	var list []string
	code, advice := errNotHere, fmt.Sprintf(`change that on the node, or place the container on another; "%s" tells more`, paste.Operand(all[0].Ports[0].Name, "colvin", "explain"))
	for i := range all {
		a := &all[i]
		list = append(list, p.state(a))
		if a.Attachable() && (a.Certainty == nodefile.Unverified || a.Certainty == nodefile.Down) {
			code, advice = types.ErrTryAgainLater, p.remedy(p.linkError(a))
		}
		if a.Attachable() && a.Certainty == nodefile.Unverified && !strings.HasSuffix(a.Reason, nodefile.WaitsForLLDP) && agentlock.Held(p.agentLock()) {
			advice = fmt.Sprintf(`"%s" tells what ends that`, paste.Operand(a.Ports[0].Name, "colvin", "explain"))
		}
	}
	return fail(code, "%s: network %q cannot be used now: %s; %s", node.Node, c.network, strings.Join(atMost(list), "; "), advice)
}

// linkError is what the kernel says of the ports of an uplink that is down, where it says
// so, too.
func (p *Plugin) linkError(a *nodefile.Uplink) error {
	for _, port := range a.Ports {
		now, err := p.kernel.ByIndex(port.Index)
		switch {
		case err != nil || a.Certainty != nodefile.Down:
		case !now.Up:
			return isDown(now)
		case !now.Operational():
			return hasNoLink(now.Name)
		}
	}
	return nil
}

func (p *Plugin) state(a *nodefile.Uplink) string {
	var ports []string
	for _, port := range a.Ports {
		ports = append(ports, port.Name+withTag(port.VID))
	}
	s := fmt.Sprintf("%s (%s) is %s since %s (%s)", strings.Join(ports, " and "), why(a), a.Certainty, a.Since.UTC().Format(time.RFC3339), p.ago(a.Since))
	if a.Reason != "" {
		s += ": " + a.Reason
	}
	return s
}

// unknownError tells a name that may come, one that is elsewhere, and one that
// does not exist apart.
func (p *Plugin) unknownError(c *conf, node *nodefile.File) error {
	switch {
	case !node.Converged:
		return fail(types.ErrTryAgainLater, "%s: network %q is not known yet: %s; here so far: %s; %s",
			node.Node, c.network, pending(node), names(node), p.agentAdvice())
	case len(node.Lookup(c.network)) > 0 || node.Knows(c.network):
		return fail(errNotHere, "%s: network %q is not on this node: the rules know it, but no port here leads to it; here: %s; place the container on another node, or check the cables with \"colvin networks\"",
			node.Node, c.network, names(node))
	}
	advice := "check the spelling or add a rule"
	if s := fit.Suggest(c.network, slices.Concat(nameList(node), node.KnownNames)); s != "" {
		advice = s + " If not, add a rule"
	}
	msg := fmt.Sprintf("%s: network %q is not known: no rule or colour has that name; known here: %s; %s", node.Node, c.network, names(node), advice)
	if node.RulesProblem != "" {
		msg += "; the latest rules are not in force: " + node.RulesProblem
	}
	return fail(types.ErrInvalidNetworkConfig, "%s", msg)
}

func pending(node *nodefile.File) string {
	switch {
	case len(node.Pending) > 0:
		return "no switch heard yet on " + some(node.Pending)
	case node.RulesProblem != "":
		return node.RulesProblem
	default:
		return "colvind has just started"
	}
}

// names lists the networks of the node.
func names(node *nodefile.File) string {
	list := nameList(node)
	if len(list) == 0 {
		return "none"
	}
	return some(list)
}

func nameList(node *nodefile.File) (list []string) {
	for _, n := range node.Networks {
		if len(n.Uplinks) > 0 {
			list = append(list, n.Name)
		}
	}
	return list
}

// maxListed keeps a message readable.
const maxListed = 20

func some(list []string) string { return strings.Join(atMost(list), ", ") }

func atMost(list []string) []string {
	if more := len(list) - maxListed; more > 0 {
		return append(slices.Clone(list[:maxListed]), fmt.Sprintf("%d more", more))
	}
	return list
}
