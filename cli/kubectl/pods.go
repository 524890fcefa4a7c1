// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping/identity"
)

const (
	// statusAnnotation is in which Multus tells what a pod is attached to.
	statusAnnotation = "k8s.v1.cni.cncf.io/network-status"
	// namesAnnotation is by which a pod asks for nodes with networks.
	namesAnnotation = "colvin.dev/networks"
	// multusNamespace is where Multus looks for default networks.
	multusNamespace = "kube-system"
)

// A pod is what counts of a Pod.
type pod struct {
	object
	Spec struct {
		NodeName     string              `json:"nodeName"`
		HostNetwork  bool                `json:"hostNetwork"`
		NodeSelector map[string]string   `json:"nodeSelector"`
		Affinity     *corev1.Affinity    `json:"affinity"`
		Tolerations  []corev1.Toleration `json:"tolerations"`
	} `json:"spec"`
	Status struct {
		Phase      corev1.PodPhase          `json:"phase"`
		Conditions []corev1.PodCondition    `json:"conditions"`
		Containers []corev1.ContainerStatus `json:"containerStatuses"`
	} `json:"status"`
}

// String is the pod with its namespace.
func (p *pod) String() string { return p.Metadata.Namespace + "/" + p.Metadata.Name }

// A networkStatus is what Multus tells of one interface of a pod.
type networkStatus struct {
	Name      string   `json:"name"` // of the definition, with its namespace
	Interface string   `json:"interface"`
	IPs       []string `json:"ips"`
	MAC       string   `json:"mac"`
	Default   bool     `json:"default"`
}

// attachedTo is what Multus told of a pod; nil where it did not yet.
func (p *pod) attachedTo() ([]networkStatus, error) {
	text := p.Metadata.Annotations[statusAnnotation]
	if text == "" {
		return nil, nil
	}
	var out []networkStatus
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("read annotation %s of pod %s: %w", statusAnnotation, p, err)
	}
	return out, nil
}

// A definition is a NetworkAttachmentDefinition.
type definition struct {
	object
	Spec struct {
		Config string `json:"config"`
	} `json:"spec"`
}

// network is the one that the definition asks for: by its configuration, or else by its label.
func (d *definition) network() string {
	name, _ := clusterview.NetworkOf(d.Spec.Config)
	return cmp.Or(name, d.Metadata.Labels[clusterview.NetworkLabel])
}

// why says why the definition asks for no network that is known.
func (d *definition) why() string {
	switch _, err := clusterview.NetworkOf(d.Spec.Config); {
	case err != nil:
		return "which network it asks for cannot be read: " + err.Error()
	case d.Spec.Config == "":
		return "its configuration is on the disks of the nodes, so which network it asks for is not known"
	}
	return "its configuration asks Colvin for no network"
}

// A catalog is which network each definition asks for, by its name with its namespace.
type catalog struct {
	networks map[string]string
	note     string // why not all are known
}

// catalog reads the definitions, of one namespace or, where it is empty, of all.
func (c *client) catalog(ctx context.Context, namespace string) (*catalog, error) {
	out := &catalog{networks: map[string]string{}}
	all, err := list(ctx, c, query{resource: definitions, namespace: namespace}, func(d *definition) (*definition, bool) { return d, true })
	switch refused, is := errors.AsType[*refusal](err); {
	case is:
		out.note = "Which networks definitions ask for is not known: " + refused.short() + "."
	case isMissing(err):
		out.note = "This cluster has no NetworkAttachmentDefinitions, so Multus is not installed, and no pod can ask for networks by them."
	case err != nil:
		return nil, err
	}
	for _, d := range all {
		out.networks[d.Metadata.Namespace+"/"+d.Metadata.Name] = d.network()
	}
	return out, nil
}

// An attachment is an interface of a pod on a network of Colvin's.
type attachment struct {
	Namespace  string   `json:"namespace"`
	Pod        string   `json:"pod"`
	Node       string   `json:"node"`
	Interface  string   `json:"interface"`
	Definition string   `json:"definition"`
	Network    string   `json:"network"`
	IPs        []string `json:"ips"`
	MAC        string   `json:"mac,omitempty"`
	// Status is the certainty with which the node leads to the network now; moved where its agent
	// says that the container is elsewhere, unknown where nothing is known of it.
	Status string `json:"status"`
	Ways   []way  `json:"ways"`           // those into the network that the node has now
	Note   string `json:"note,omitempty"` // what cannot be known, or is wrong
}

// The statuses of attachments beside the certainties.
const (
	statusMoved   = "moved"
	statusUnknown = "unknown"
	statusGone    = "gone"
)

// attachments are those of a pod to networks of Colvin's. What definitions that are gone asked
// for is not known.
func (k *catalog) attachments(p *pod) ([]attachment, error) {
	all, err := p.attachedTo()
	if err != nil {
		return nil, err
	}
	var out []attachment
	for _, s := range all {
		network, known := k.networks[s.Name]
		at := attachment{
			Namespace: p.Metadata.Namespace, Pod: p.Metadata.Name, Node: p.Spec.NodeName, Interface: s.Interface, Definition: s.Name, Network: network,
			IPs: append([]string{}, s.IPs...), MAC: s.MAC, Status: statusUnknown, Ways: []way{},
		}
		switch {
		case network != "":
		case known || s.Default || !strings.Contains(s.Name, "/"):
			continue // another plugin's, or a configuration on the nodes' disks
		case k.note == "":
			at.Note = "its definition is gone, so which network it asked for is not known here"
		}
		out = append(out, at)
	}
	return out, nil
}

// judge says where an attachment leads by what its node tells.
func (at *attachment) judge(n *told) {
	switch {
	case at.Network == "":
		return
	case n == nil:
		at.Note = unpublished
		return
	}
	if at.Ways = waysTo(n.Node, at.Network); len(at.Ways) == 0 {
		at.Status, at.Note = statusGone, "no port of the node leads there now"
	}
	best := -1
	for i := range at.Ways {
		if best < 0 || !at.Ways[best].Usable && at.Ways[i].Usable {
			best = i
		}
	}
	if best >= 0 {
		at.Status, at.Note = string(at.Ways[best].Certainty), at.Ways[best].Reason
	}
	if len(at.Ways) > 1 {
		at.Note = "which of the devices it is on is known on the node only (colvin attachments)"
	}
	for i := range n.moved {
		if m := &n.moved[i]; m.Pod != nil && m.Pod.Namespace == at.Namespace && m.Pod.Name == at.Pod && m.IfName == at.Interface {
			at.Status, at.Note = statusMoved, fmt.Sprintf("%s leads to %s now", m.Device, identity.Key(m.To).Named())
		}
	}
}

// nodesOf are the nodes of attachments, each once.
func nodesOf(all []attachment) []string {
	on := map[string]bool{}
	for i := range all {
		if all[i].Network != "" && all[i].Node != "" {
			on[all[i].Node] = true
		}
	}
	return slices.Sorted(maps.Keys(on))
}

// judgeAll judges attachments by what their nodes tell, or returns why that is not known.
func (a *app) judgeAll(ctx context.Context, c *client, all []attachment) (note string, err error) {
	names := nodesOf(all)
	if len(names) == 0 {
		return "", nil
	}
	w, err := c.world(ctx, c.some(ctx, names))
	var nodes map[string]*told
	if err == nil {
		nodes, err = c.toldBy(ctx, w, names, a.now())
	}
	if refused, is := errors.AsType[*refusal](err); is {
		return "Where the networks lead is not known: " + refused.short() + ".", nil
	}
	if err != nil {
		return "", err
	}
	for i := range all {
		all[i].judge(nodes[all[i].Node])
	}
	return w.note, nil
}

// some are a few nodes as far as they can be read.
func (c *client) some(ctx context.Context, names []string) []*node {
	var out []*node
	for _, name := range names[:min(len(names), manyNodes)] {
		if o, err := get[object](ctx, c, query{resource: nodes, name: name}); err == nil {
			out = append(out, &node{meta: o.Metadata})
		}
	}
	return out
}

// attachmentTable shows attachments, with their pods where they are of several.
func attachmentTable(o *view.Out, all []attachment, pods bool, notes ...string) error {
	header := []string{"INTERFACE", "NETWORK", "DEVICE", "SWITCH", "PORT", "STATUS", "IPS", "NOTE"}
	if pods {
		header = append([]string{"POD", "NODE"}, header...)
	}
	var rows [][]string
	for i := range all {
		at := &all[i]
		devices, switches, ports := cells(o, at.Ways)
		row := []string{at.Interface, at.Network, devices, switches, ports, at.Status, o.List(at.IPs), at.Note}
		if pods {
			row = append([]string{at.Namespace + "/" + at.Pod, at.Node}, row...)
		}
		rows = append(rows, row)
	}
	return o.TableOr("No pod is attached to a network of Colvin's.", header, rows, notes...)
}
