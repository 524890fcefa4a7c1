// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/klog/v2"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/clusterview"
)

// askedBy are the networks for which a pod asks: by Multus' annotations, by Colvin's, and by
// the labels of nodes that it wants.
func (c *client) askedBy(ctx context.Context, p *pod) ([]askedNetwork, error) {
	out := []askedNetwork{}
	for _, d := range p.asked() {
		n := askedNetwork{By: "definition " + d.String(), Interface: d.Interface}
		found, err := get[definition](ctx, c, query{resource: definitions, namespace: d.Namespace, name: d.Name})
		refused, is := errors.AsType[*refusal](err)
		switch {
		case is:
			n.Problem = "which network it asks for is not known: " + refused.short()
		case isMissing(err):
			if n.Problem = "there is no such definition, so Multus refuses the pod"; !c.hasDefinitions(ctx) {
				n.Problem = "this cluster has no NetworkAttachmentDefinitions, so Multus is not installed, and nobody reads the annotation"
			}
		case err != nil:
			return nil, err
		default:
			if n.Network = found.network(); n.Network == "" {
				n.Problem = found.why()
			}
		}
		out = append(out, n)
	}
	for name := range strings.SplitSeq(p.Metadata.Annotations[namesAnnotation], ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, askedNetwork{Network: name, By: "annotation " + namesAnnotation})
		}
	}
	for _, name := range p.bound() {
		if !slices.ContainsFunc(out, func(n askedNetwork) bool { return n.Network == name }) {
			out = append(out, askedNetwork{Network: name, By: "label " + plan.LabelPrefix + name + " of nodes"})
		}
	}
	return out, nil
}

// asked are the definitions for which the pod asks.
func (p *pod) asked() []clusterview.Asked {
	return slices.Concat(
		clusterview.AskedBy(p.Metadata.Annotations[clusterview.DefaultNetworkAnnotation], multusNamespace),
		clusterview.AskedBy(p.Metadata.Annotations[clusterview.NetworksAnnotation], p.Metadata.Namespace),
	)
}

// hasDefinitions reports whether the cluster knows the kind at all.
func (c *client) hasDefinitions(ctx context.Context) bool {
	_, err := c.ask(ctx, query{resource: definitions, namespace: c.namespace, form: metadata}, "")
	return !isMissing(err)
}

// catalogOf is which networks the definitions ask for that Multus names in a pod's status.
func (c *client) catalogOf(ctx context.Context, p *pod) (*catalog, error) {
	out := &catalog{networks: map[string]string{}}
	status, err := p.attachedTo()
	if err != nil {
		return nil, err
	}
	for _, s := range status {
		namespace, name, ok := strings.Cut(s.Name, "/")
		if !ok {
			continue
		}
		d, err := get[definition](ctx, c, query{resource: definitions, namespace: namespace, name: name})
		switch refused, is := errors.AsType[*refusal](err); {
		case is:
			out.note = "Which networks definitions ask for is not known: " + refused.short() + "."
		case isMissing(err):
		case err != nil:
			return nil, err
		default:
			out.networks[s.Name] = d.network()
		}
	}
	return out, nil
}

// requirements are those of the pod's node selector and of each term of its required affinity,
// of which one must hold; one that asks for nothing where there is no term.
func (p *pod) requirements() (selector []corev1.NodeSelectorRequirement, terms []corev1.NodeSelectorTerm) {
	for _, key := range slices.Sorted(maps.Keys(p.Spec.NodeSelector)) {
		selector = append(selector, corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{p.Spec.NodeSelector[key]}})
	}
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		terms = a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	return selector, terms
}

// bound are the networks whose labels the pod wants of its node in any case: by its selector, or
// by each of the terms of which one must hold.
func (p *pod) bound() []string {
	selector, terms := p.requirements()
	out := networksIn(selector)
	if len(terms) == 0 {
		return out
	}
	for _, name := range networksIn(terms[0].MatchExpressions) {
		everywhere := !slices.ContainsFunc(terms, func(t corev1.NodeSelectorTerm) bool { return !slices.Contains(networksIn(t.MatchExpressions), name) })
		if everywhere && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// networksIn are the networks that requirements want of a node, or expect there.
func networksIn(all []corev1.NodeSelectorRequirement) (out []string) {
	for _, r := range all {
		name, labelled := strings.CutPrefix(r.Key, plan.LabelPrefix)
		expected := false
		if !labelled {
			name, expected = strings.CutPrefix(r.Key, plan.ExpectPrefix)
		}
		if (labelled || expected) && r.Operator == corev1.NodeSelectorOpIn && slices.Contains(r.Values, "true") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// judged reports whether a requirement is about networks that are judged by themselves.
func judged(r *corev1.NodeSelectorRequirement, bound []string) bool {
	if r.Key == plan.KnownLabel {
		return len(bound) > 0
	}
	return slices.ContainsFunc(networksIn([]corev1.NodeSelectorRequirement{*r}), func(name string) bool { return slices.Contains(bound, name) })
}

// selects says which labels of a node are not as the pod wants them; empty where all are.
func (p *pod) selects(n *node) string {
	const begin = "the pod wants a node with "
	selector, terms := p.requirements()
	bound := p.bound()
	if r, ok := unmet(selector, n.Labels, bound); ok {
		return begin + wants(r)
	}
	var why []string
	for _, t := range terms {
		r, ok := unmet(t.MatchExpressions, n.Labels, bound)
		if !ok {
			r, ok = unmet(t.MatchFields, map[string]string{metav1.ObjectNameField: n.Name}, bound)
		}
		if !ok {
			return ""
		}
		if text := wants(r); !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	if len(why) == 0 {
		return ""
	}
	return begin + strings.Join(why, " or ")
}

// unmet is the first requirement that does not hold.
func unmet(all []corev1.NodeSelectorRequirement, of map[string]string, bound []string) (corev1.NodeSelectorRequirement, bool) {
	for _, r := range all {
		if judged(&r, bound) {
			continue
		}
		q, err := labels.NewRequirement(r.Key, operators[r.Operator], r.Values)
		if err != nil || !q.Matches(labels.Set(of)) {
			return r, true
		}
	}
	return corev1.NodeSelectorRequirement{}, false
}

var operators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn, corev1.NodeSelectorOpExists: selection.Exists,
	corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist, corev1.NodeSelectorOpGt: selection.GreaterThan, corev1.NodeSelectorOpLt: selection.LessThan,
}

func wants(r corev1.NodeSelectorRequirement) string {
	text := fmt.Sprintf("%s %s", r.Key, r.Operator)
	if r.Operator == corev1.NodeSelectorOpIn && len(r.Values) == 1 {
		return r.Key + "=" + r.Values[0]
	}
	if len(r.Values) > 0 {
		text += " (" + strings.Join(r.Values, ", ") + ")"
	}
	return text
}

// keeps says why no pod comes to a node, as far as kubectl get nodes tells it.
func (n *node) keeps() string {
	if n.status == "" || n.status == "Ready" {
		return ""
	}
	return "the node is " + n.status
}

// tainted says which taint of a node the pod does not tolerate. Where the Node cannot be read
// nothing is known of it.
func (c *client) tainted(ctx context.Context, p *pod, name string) string {
	n, err := get[struct {
		Spec struct {
			Taints []corev1.Taint `json:"taints"`
		} `json:"spec"`
	}](ctx, c, query{resource: nodes, name: name})
	if err != nil {
		return ""
	}
	for i := range n.Spec.Taints {
		t := &n.Spec.Taints[i]
		tolerated := slices.ContainsFunc(p.Spec.Tolerations, func(o corev1.Toleration) bool { return o.ToleratesTaint(klog.Background(), t, true) })
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated {
			return "the pod does not tolerate the taint " + t.ToString()
		}
	}
	return ""
}

// failedADD is the reason of the kubelet's Events about sandboxes that could not be made.
const failedADD = "FailedCreatePodSandBox"

// sayLastADD says what the last ADD that failed said.
func (a *app) sayLastADD(ctx context.Context, c *client, p *pod, out *podAnswer) error {
	q := query{resource: events, namespace: p.Metadata.Namespace, selector: map[string]string{
		"fieldSelector": "involvedObject.name=" + p.Metadata.Name + ",reason=" + failedADD,
	}}
	all, err := list(ctx, c, q, func(e *corev1.Event) (*corev1.Event, bool) {
		return e, p.Metadata.UID == "" || e.InvolvedObject.UID == p.Metadata.UID
	})
	if refused, is := errors.AsType[*refusal](err); is {
		out.say("What its last ADD said is not known: %s.", refused.Error())
		return nil
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		out.say("No ADD of it has failed, as far as Events are kept.")
		return nil
	}
	last := slices.MaxFunc(all, func(a, b *corev1.Event) int { return eventTime(a).Compare(eventTime(b)) })
	out.LastADD = &lastADD{Time: eventTime(last).UTC(), Count: last.Count, Message: last.Message}
	times := ""
	if last.Count > 1 {
		times = fmt.Sprintf(" (%d times by now)", last.Count)
	}
	out.say("Its last ADD failed %s%s: %s", a.show().Ago(eventTime(last)), times, pluginSaid(last.Message))
	return nil
}

func eventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

// pluginSaid is what the plugin said itself: the runtime, Multus and libcni put their words before it.
func pluginSaid(message string) string {
	const failed = "failed (add): "
	if i := strings.LastIndex(message, failed); i >= 0 {
		return strings.TrimRight(message[i+len(failed):], "'\n ") // Multus quotes it
	}
	return message
}
