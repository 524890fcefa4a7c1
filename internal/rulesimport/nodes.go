// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// hostnameLabel is what kubelet labels a node with; its value is the node's name as a rule.
const hostnameLabel = "kubernetes.io/hostname"

// A scope is the nodes that a claim is about: those that one of its selectors selects. An
// empty one says nothing of them.
type scope []selector

// A selector selects the nodes that meet all of its requirements.
type selector []requirement

// A requirement is about a label, or about the name of the node, as in the affinity of a
// pod.
type requirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
	name     bool
}

// onNode selects a node by its name.
func onNode(name string) selector {
	return selector{{Operator: "In", Values: []string{name}, name: true}}
}

// onHost selects a node by its host name.
func onHost(name string) selector {
	return selector{{Key: hostnameLabel, Operator: "In", Values: []string{name}}}
}

// parseSelector reads key=value, with commas between several.
func parseSelector(text string) (selector, error) {
	var out selector
	for part := range strings.SplitSeq(text, ",") {
		key, value, is := strings.Cut(strings.TrimSpace(part), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, "="))
		if key == "" || strings.ContainsAny(key, "!() ") || is && strings.ContainsAny(value, "!() ") {
			return nil, fmt.Errorf("%s is none that is read here: want key=value, with commas between several", yamlfile.Quote(text))
		}
		if r := (requirement{Key: key, Operator: "In", Values: []string{value}}); is {
			out = append(out, r)
		} else {
			out = append(out, requirement{Key: key, Operator: "Exists"})
		}
	}
	return out, nil
}

// The cluster is what the files tell of nodes.
type cluster struct {
	labels map[string]map[string]string // of the Nodes
	others []string                     // further names of nodes
}

func (c *content) cluster() *cluster {
	out := &cluster{labels: map[string]map[string]string{}}
	for _, o := range c.objects {
		if o.Kind == "Node" {
			out.labels[o.Metadata.Name] = o.Metadata.Labels
		}
	}
	return out
}

// nodes are those in a scope, in the order of their names. What cannot be told without the
// Nodes of the cluster is an error.
func (k *cluster) nodes(s scope) ([]string, error) {
	found := map[string]bool{}
	for _, sel := range s {
		all := slices.Concat(slices.Collect(maps.Keys(k.labels)), k.others, sel.named())
		for _, node := range all {
			ok, err := k.selects(sel, node)
			if err != nil {
				return nil, err
			}
			if ok {
				found[node] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// named are the nodes that a selector names by themselves.
func (s selector) named() (all []string) {
	for _, r := range s {
		if r.Operator == "In" && (r.name || r.Key == hostnameLabel) {
			all = append(all, r.Values...)
		}
	}
	return all
}

func (k *cluster) selects(s selector, node string) (bool, error) {
	for _, r := range s {
		labels, known := k.labels[node]
		value, has := labels[r.Key]
		switch {
		case r.name:
			value, has = node, true
		case known:
		case len(k.labels) > 0:
			return false, nil // the Nodes are there, and this is none of them
		case r.Key == hostnameLabel:
			value, has = node, true
		default:
			return false, fmt.Errorf("which nodes have the label %s is in no file: add the Nodes (kubectl get nodes -o json)", yamlfile.Quote(r.Key))
		}
		ok, err := r.holds(value, has)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// holds is as for the node affinity of a pod.
func (r *requirement) holds(value string, has bool) (bool, error) {
	switch r.Operator {
	case "In":
		return has && slices.Contains(r.Values, value), nil
	case "NotIn":
		return !has || !slices.Contains(r.Values, value), nil
	case "Exists":
		return has, nil
	case "DoesNotExist":
		return !has, nil
	case "Gt", "Lt":
		is, err1 := strconv.Atoi(value)
		bound, err2 := strconv.Atoi(strings.Join(r.Values, ""))
		sign := 1
		if r.Operator == "Lt" {
			sign = -1
		}
		return has && cmp.Or(err1, err2) == nil && sign*cmp.Compare(is, bound) > 0, nil
	}
	return false, fmt.Errorf("%s is no operator of a node selector", yamlfile.Quote(r.Operator))
}

// podSpec is the part of a pod that says on which node it runs.
type podSpec struct {
	NodeName     string            `json:"nodeName"`
	NodeSelector map[string]string `json:"nodeSelector"`
	Affinity     struct {
		NodeAffinity struct {
			Required struct {
				Terms []struct {
					Labels []requirement `json:"matchExpressions"`
					Fields []requirement `json:"matchFields"`
				} `json:"nodeSelectorTerms"`
			} `json:"requiredDuringSchedulingIgnoredDuringExecution"`
		} `json:"nodeAffinity"`
	} `json:"affinity"`
}

// A podTemplate is a pod, or what pods are made from.
type podTemplate struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec podSpec `json:"spec"`
}

// A workload is an object from which pods come.
type workload struct {
	podTemplate
	Spec struct {
		podSpec
		Template    *podTemplate `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template *podTemplate `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// users are, by the name of a definition with its namespace, the nodes to which pods that
// ask for it are bound.
func (c *content) users() map[string]scope {
	out := map[string]scope{}
	for _, o := range c.objects {
		var w workload
		switch o.Kind {
		case "Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "CronJob":
		default:
			continue
		}
		if err := json.Unmarshal(o.raw, &w); err != nil {
			c.unread(o.place, "%s: %v", o, unfit(err))
			continue
		}
		t := cmp.Or(w.Spec.Template, w.Spec.JobTemplate.Spec.Template, &podTemplate{Metadata: w.Metadata, Spec: w.Spec.podSpec})
		bound := t.Spec.scope()
		for _, d := range clusterview.AskedBy(t.Metadata.Annotations[clusterview.NetworksAnnotation], o.Metadata.Namespace) {
			out[d.String()] = append(out[d.String()], bound...)
		}
	}
	return out
}

// scope is the nodes that a pod is bound to; empty where it may run on any.
func (p *podSpec) scope() scope {
	if p.NodeName != "" {
		return scope{onNode(p.NodeName)}
	}
	var base selector
	for _, key := range slices.Sorted(maps.Keys(p.NodeSelector)) {
		base = append(base, requirement{Key: key, Operator: "In", Values: []string{p.NodeSelector[key]}})
	}
	var out scope
	for _, t := range p.Affinity.NodeAffinity.Required.Terms {
		term := slices.Concat(base, t.Labels)
		for _, f := range t.Fields {
			f.name = true
			term = append(term, f)
		}
		if len(term) > 0 {
			out = append(out, term)
		}
	}
	if len(out) == 0 && len(base) > 0 {
		out = scope{base}
	}
	return out
}

// qualified is a name with its namespace, which is default where none is written.
func qualified(name, namespace string) string { return cmp.Or(namespace, "default") + "/" + name }
