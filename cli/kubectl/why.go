// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/fit"
)

// A podAnswer is "kubectl colvin why" as JSON.
type podAnswer struct {
	Namespace string          `json:"namespace"`
	Pod       string          `json:"pod"`
	Phase     corev1.PodPhase `json:"phase"`
	Node      string          `json:"node,omitempty"`
	Waits     string          `json:"waits,omitempty"` // for: node, or networks
	Asked     []askedNetwork  `json:"asked"`
	// Nodes are those of the cluster, while the pod waits for one.
	Nodes     []nodeVerdict `json:"nodes,omitempty"`
	Scheduler string        `json:"scheduler,omitempty"` // what it says
	// Attachments are what Multus told of the pod, and LastADD what the last ADD that failed said.
	Attachments []attachment `json:"attachments,omitempty"`
	LastADD     *lastADD     `json:"lastADD,omitempty"`
	Sentences   []string     `json:"sentences"`
}

// An askedNetwork is a network for which a pod asks, and by what.
type askedNetwork struct {
	Network   string `json:"network,omitempty"`
	By        string `json:"by"` // a definition, an annotation or a label
	Interface string `json:"interface,omitempty"`
	Problem   string `json:"problem,omitempty"` // why the network is not known
}

// A nodeVerdict is why a pod cannot run on a node; empty where its networks do not keep it from
// there, nor anything else that is looked at.
type nodeVerdict struct {
	Node string `json:"node"`
	Fits bool   `json:"fits"`
	Why  string `json:"why,omitempty"`
}

// A lastADD is what the runtime was told when it last failed to attach the pod.
type lastADD struct {
	Time    time.Time `json:"time"`
	Count   int32     `json:"count,omitempty"`
	Message string    `json:"message"`
}

// What a pod waits for.
const (
	waitsForNode     = "node"
	waitsForNetworks = "networks"
)

func (a *app) why() *cobra.Command {
	cmd := a.command(&cobra.Command{
		Use:   "why POD",
		Short: "Say where the networks of a pod are, or what keeps it from them: which node lacks what, and what its last ADD said",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		answer, w, err := a.answer(ctx, c, args[0])
		if err != nil {
			return err
		}
		if printed, err := a.data(answer); printed {
			return err
		}
		return a.withNote(w, a.answerText(answer))
	})
	cmd.ValidArgsFunction = a.completeNames(pods)
	return a.watched(cmd)
}

// podNamed reads NAME, NAMESPACE/NAME or pod/NAME.
func (c *client) podNamed(ctx context.Context, name string) (*pod, error) {
	q := query{resource: pods, namespace: c.namespace, name: name}
	if before, after, ok := strings.Cut(name, "/"); ok {
		if q.name = after; !slices.Contains([]string{"pod", "pods", "po"}, before) {
			q.namespace = before
		}
	}
	return get[pod](ctx, c, q)
}

// answer finds out what there is to say of a pod.
func (a *app) answer(ctx context.Context, c *client, name string) (*podAnswer, *world, error) {
	p, err := c.podNamed(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	out := &podAnswer{Namespace: p.Metadata.Namespace, Pod: p.Metadata.Name, Phase: p.Status.Phase, Node: p.Spec.NodeName, Asked: []askedNetwork{}, Sentences: []string{}}
	if out.Asked, err = c.askedBy(ctx, p); err != nil {
		return nil, nil, err
	}
	w := &world{}
	switch status, err := p.attachedTo(); {
	case err != nil:
		return nil, nil, err
	case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		out.say("%s has ended (%s).", p, p.Status.Phase)
	case p.Metadata.Deleted != nil && len(status) == 0 && !p.running():
		out.say("%s is being deleted, so it waits for no network any more.", p)
	case p.Spec.HostNetwork && p.Spec.NodeName != "":
		out.say("%s is on %s and has the network of the node (hostNetwork), so it is attached to nothing, whatever it asks for.", p, p.Spec.NodeName)
		out.sayAsked()
	case p.Spec.NodeName == "":
		w, err = a.whyPending(ctx, c, p, out)
		return out, w, err
	case len(status) == 0 && len(out.Asked) > 0 && !p.running():
		w, err = a.whyWaiting(ctx, c, p, out)
		return out, w, err
	default:
		err = a.whereAttached(ctx, c, p, out)
		return out, w, err
	}
	return out, w, nil
}

func (o *podAnswer) say(format string, args ...any) {
	o.Sentences = append(o.Sentences, fit.Printable(fmt.Sprintf(format, args...)))
}

// running reports whether a container of the pod runs, or did: it has its networks then.
func (p *pod) running() bool {
	return p.Status.Phase == corev1.PodRunning || slices.ContainsFunc(p.Status.Containers, func(c corev1.ContainerStatus) bool {
		return c.State.Running != nil || c.State.Terminated != nil || c.RestartCount > 0
	})
}

// sayAsked says for which networks the pod asks.
func (o *podAnswer) sayAsked() {
	if len(o.Asked) == 0 {
		o.say("It asks for no network: it has neither an annotation of Multus nor %s.", namesAnnotation)
		return
	}
	var list []string
	for _, n := range o.Asked {
		switch {
		case n.Problem != "":
			o.say("%s: %s.", n.By, n.Problem)
		case n.Network != "":
			list = append(list, fmt.Sprintf("%s (%s)", n.Network, n.By))
		}
	}
	if len(list) > 0 {
		o.say("It asks for %s.", strings.Join(list, ", "))
	} else {
		o.say("It asks for no network of Colvin's that is known.")
	}
}

// wanted are the networks that a node must have, each once.
func (o *podAnswer) wanted() []string {
	var out []string
	for _, n := range o.Asked {
		if n.Network != "" && !slices.Contains(out, n.Network) {
			out = append(out, n.Network)
		}
	}
	return out
}

// whyPending says why no node has the pod.
func (a *app) whyPending(ctx context.Context, c *client, p *pod, out *podAnswer) (*world, error) {
	out.Waits = waitsForNode
	out.say("%s waits for a node%s.", p, a.since(p.Metadata.Created.Time))
	out.sayAsked()
	w, err := a.judgeNodes(ctx, c, p, out)
	if refused, is := errors.AsType[*refusal](err); is {
		out.say("Which nodes have its networks is not known: %s.", refused.Error())
		w, err = &world{}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status != corev1.ConditionTrue {
			out.Scheduler = condition.Message
		}
	}
	if out.Scheduler != "" {
		out.say("The scheduler says: %s", out.Scheduler)
	} else {
		out.say("The scheduler has not said anything of it yet.")
	}
	return w, nil
}

// since says for how long something is so.
func (a *app) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " for " + fit.Span(a.now().Sub(t))
}

// judgeNodes says of each node why the pod cannot run there.
func (a *app) judgeNodes(ctx context.Context, c *client, p *pod, out *podAnswer) (*world, error) {
	w, nodes, err := c.cluster(ctx)
	if err != nil {
		return nil, err
	}
	wanted := out.wanted()
	lacking := map[string][]string{} // by node
	for _, n := range nodes {
		for _, network := range wanted {
			if !n.has(network) && !n.expects(network) {
				lacking[n.Name] = append(lacking[n.Name], network)
			}
		}
	}
	why, err := a.whyLacking(ctx, c, w, nodes, lacking)
	if err != nil {
		return nil, err
	}
	looked := 0
	for _, n := range nodes {
		v := nodeVerdict{Node: n.Name, Why: cmp.Or(why[n.Name], n.keeps(), p.selects(n))}
		if v.Why == "" && looked < manyNodes {
			looked++
			v.Why = c.tainted(ctx, p, n.Name)
		}
		v.Fits = v.Why == ""
		out.Nodes = append(out.Nodes, v)
	}
	out.sayFits(wanted)
	return w, nil
}

// sayFits says on how many nodes the networks do not keep the pod waiting.
func (o *podAnswer) sayFits(wanted []string) {
	var fits []string
	for _, v := range o.Nodes {
		if v.Fits {
			fits = append(fits, v.Node)
		}
	}
	switch {
	case len(o.Nodes) == 0:
		o.say("There is no node.")
	case len(fits) == 0 && len(wanted) > 0:
		o.say("No node has all that it wants; the table says of each what it lacks.")
	case len(fits) == 0:
		o.say("No node has what it wants; the table says of each what it lacks.")
	default:
		o.say("Its networks do not keep it from %s: what does is in what the scheduler says.", few(fits))
	}
}

func few(all []string) string {
	const most = 4
	if more := len(all) - most; more > 1 {
		return fmt.Sprintf("%s and %d more nodes", strings.Join(all[:most], ", "), more)
	}
	return strings.Join(all, ", ")
}

// whyLacking are, by node, the reasons for which it lacks networks.
func (a *app) whyLacking(ctx context.Context, c *client, w *world, nodes []*node, lacking map[string][]string) (map[string]string, error) {
	if len(lacking) == 0 {
		return nil, nil
	}
	type verdict struct{ node, why string }
	verdicts, err := resolved(ctx, c, w, nodes, a.now(), func(n *view.Node) (v verdict, keep bool) {
		names, ok := lacking[n.Name]
		if !ok {
			return v, false
		}
		return verdict{n.Name, w.whyLacks(n, names)}, true
	})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, networks := range lacking {
		out[name] = fmt.Sprintf("it lacks %s: %s", strings.Join(networks, ", "), unpublished)
	}
	for _, v := range verdicts {
		out[v.node] = v.why
	}
	return out, nil
}

// whyLacks says why a node lacks the labels of networks.
func (w *world) whyLacks(n *view.Node, names []string) string {
	var out []string
	for _, name := range names {
		why, leads := n.View.WhyNot(w.set, name)
		if leads && slices.ContainsFunc(waysTo(n, name), func(w way) bool { return w.Usable }) {
			why = "it leads there, and the controller has not labelled it yet"
		}
		out = append(out, name+": "+why)
	}
	return strings.Join(out, "; ")
}

// whyWaiting says why a pod that has a node is not attached yet.
func (a *app) whyWaiting(ctx context.Context, c *client, p *pod, out *podAnswer) (*world, error) {
	out.Waits = waitsForNetworks
	out.say("%s is on %s and waits for its networks%s.", p, p.Spec.NodeName, a.since(p.scheduled()))
	out.sayAsked()
	if err := a.sayLastADD(ctx, c, p, out); err != nil {
		return nil, err
	}
	w, err := c.world(ctx, c.some(ctx, []string{p.Spec.NodeName}))
	var nodes map[string]*told
	if err == nil {
		nodes, err = c.toldBy(ctx, w, []string{p.Spec.NodeName}, a.now())
	}
	if refused, is := errors.AsType[*refusal](err); is {
		out.say("What %s hears is not known: %s.", p.Spec.NodeName, refused.Error())
		return &world{}, nil
	}
	if err != nil {
		return nil, err
	}
	out.sayNode(w, p, nodes[p.Spec.NodeName])
	return w, nil
}

// sayNode says of each network what the pod's node knows of it.
func (o *podAnswer) sayNode(w *world, p *pod, n *told) {
	if n == nil {
		o.say("Nothing is known of %s: %s. Look whether the agent runs there.", p.Spec.NodeName, unpublished)
		return
	}
	bound := p.bound()
	for _, name := range o.wanted() {
		ways := waysTo(n.Node, name)
		at := slices.IndexFunc(ways, func(w way) bool { return w.Usable })
		switch why, _ := n.View.WhyNot(w.set, name); {
		case at >= 0:
			o.say("%s is there: %s leads to it, by %s port %s (%s).", name, ways[at].Device, ways[at].Ports[0].Switch, ways[at].Ports[0].Port, ways[at].Certainty)
		case slices.Contains(bound, name):
			o.say("%s is not there now: %s. The pod is bound to nodes that have it, and waits here as long as this one has not; delete it, so that another is made elsewhere.", name, why)
		default:
			o.say("%s is not there: %s. Nothing binds the pod to nodes that have it (docs/scheduling.md).", name, why)
		}
	}
}

// scheduled is when the pod got its node.
func (p *pod) scheduled() time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c.LastTransitionTime.Time
		}
	}
	return p.Metadata.Created.Time
}

// whereAttached says where the networks of a pod are.
func (a *app) whereAttached(ctx context.Context, c *client, p *pod, out *podAnswer) error {
	if len(out.Asked) == 0 && p.Metadata.Annotations[statusAnnotation] == "" {
		out.say("%s runs on %s.", p, p.Spec.NodeName)
		out.sayAsked()
		return nil
	}
	catalog, err := c.catalogOf(ctx, p)
	if err != nil {
		return err
	}
	if out.Attachments, err = catalog.attachments(p); err != nil {
		return err
	}
	note, err := a.judgeAll(ctx, c, out.Attachments)
	if err != nil {
		return err
	}
	out.say("%s is on %s, with %s of Colvin's.", p, p.Spec.NodeName, plural(len(out.Attachments), "network"))
	if len(out.Attachments) == 0 {
		out.sayAsked()
	}
	for _, text := range []string{catalog.note, note} {
		if text != "" {
			out.say("%s", text)
		}
	}
	for i := range out.Attachments {
		out.sayAttachment(&out.Attachments[i])
	}
	if !p.running() {
		return a.sayLastADD(ctx, c, p, out)
	}
	return nil
}

// sayAttachment says what is wrong with an attachment.
func (o *podAnswer) sayAttachment(at *attachment) {
	switch at.Status {
	case statusMoved:
		o.say("%s is in another network than it asked for, %s: %s. It is left alone; restart the pod to have it in %s.", at.Interface, at.Network, at.Note, at.Network)
	case statusGone:
		o.say("%s asked for %s, and %s. It is left alone; restart the pod to have it elsewhere.", at.Interface, at.Network, at.Note)
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// answerText shows the sentences, then the nodes or the attachments.
func (a *app) answerText(answer *podAnswer) error {
	o := a.show()
	if err := o.Print("%s", strings.Join(answer.Sentences, "\n")); err != nil {
		return err
	}
	switch {
	case len(answer.Nodes) > 0:
		return errors.Join(o.Print(""), a.verdictTable(answer.Nodes))
	case len(answer.Attachments) > 0:
		return errors.Join(o.Print(""), attachmentTable(o, answer.Attachments, false))
	}
	return nil
}

// verdictTable has a line for each reason, or in the wide format for each node.
func (a *app) verdictTable(all []nodeVerdict) error {
	var without []nodeWithout
	for _, v := range all {
		without = append(without, nodeWithout{v.Node, cmp.Or(v.Why, "its networks do not keep the pod from there")})
	}
	var rows [][]string
	if a.format == view.Wide {
		for _, v := range without {
			rows = append(rows, []string{v.Node, v.Why})
		}
		return a.show().Table([]string{"NODE", "WHY NOT"}, rows)
	}
	for _, g := range grouped(without) {
		rows = append(rows, []string{strconv.Itoa(len(g.nodes)), a.few(g.nodes), g.why})
	}
	return a.show().Table([]string{"COUNT", "NODES", "WHY NOT"}, rows)
}
