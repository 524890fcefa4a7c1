// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/mapping/rules"
)

const (
	// NetworksAnnotation is by which a pod asks Multus for definitions.
	NetworksAnnotation = "k8s.v1.cni.cncf.io/networks"
	// DefaultNetworkAnnotation is by which it asks for another network than the cluster's in
	// the place of that.
	DefaultNetworkAnnotation = "v1.multus-cni.io/default-network"

	// NetworkLabel is the label of a NetworkAttachmentDefinition with the name of the
	// network that its configuration asks for.
	NetworkLabel = "colvin.dev/network"
)

// An Asked is a NetworkAttachmentDefinition that a pod asks for.
type Asked struct {
	Namespace string
	Name      string
	Interface string // what it is to be called in the pod; empty where Multus chooses
}

// String is the definition with its namespace.
func (a Asked) String() string { return a.Namespace + "/" + a.Name }

// AskedBy are the definitions for which an annotation asks, as Multus reads it: a list with
// commas, or JSON. A name without a namespace is of the one that is given.
func AskedBy(annotation, namespace string) (all []Asked) {
	namespace = cmp.Or(namespace, "default")
	var list []struct{ Name, Namespace, Interface string }
	if json.Unmarshal([]byte(annotation), &list) == nil {
		for _, n := range list {
			all = append(all, Asked{cmp.Or(n.Namespace, namespace), n.Name, n.Interface})
		}
		return all
	}
	for part := range strings.SplitSeq(annotation, ",") {
		name, ifname, _ := strings.Cut(strings.TrimSpace(part), "@")
		a := Asked{namespace, name, ifname}
		if in, rest, ok := strings.Cut(name, "/"); ok {
			a.Namespace, a.Name = cmp.Or(in, namespace), rest
		}
		if a.Name != "" {
			all = append(all, a)
		}
	}
	return all
}

// NetworkOf is the network that a CNI configuration, or one of the plugins in a list of
// them, asks for; empty where none does, or where it is no name.
func NetworkOf(config string) (string, error) {
	type plugin map[string]json.RawMessage // keys as they are written, as the plugin reads them
	var conf plugin
	if config == "" { // it is on the nodes' disks
		return "", nil
	}
	if err := json.Unmarshal([]byte(config), &conf); err != nil {
		return "", fmt.Errorf("read spec.config: %w", err)
	}
	var plugins []plugin
	if raw, ok := conf["plugins"]; ok {
		if err := json.Unmarshal(raw, &plugins); err != nil {
			return "", fmt.Errorf("read spec.config: plugins: %w", err)
		}
	}
	var found []string
	for _, p := range append(plugins, conf) {
		var kind, name string
		_ = json.Unmarshal(p["type"], &kind) // what is no text is another plugin
		if kind == "colvin" && json.Unmarshal(p["network"], &name) == nil && rules.ValidName(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 1 {
		return found[0], nil
	}
	return "", nil // none, or several that no single label can tell
}
