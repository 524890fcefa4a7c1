// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// The objects of Kubernetes that hold rules.
const (
	apiGroup    = "colvin.dev/"
	apiVersion  = apiGroup + "v1alpha1"
	kindRuleSet = "RuleSet"
)

// A Manifest is what a file for kubectl holds, in the order of the file.
type Manifest struct {
	RuleSets []RuleSet
	Others   []string // what it holds beside, such as "ConfigMap site"
}

// A RuleSet is an object with rules. What is said about them names lines of the file.
type RuleSet struct {
	Name string // empty where it has none, which is a mistake of the Source
	Source
}

// place is where in the documents of a file an object is.
type place struct {
	document int
	item     int                // of a list; -1 for the document itself
	read     *yamlfile.Document // to be asked again
}

func (p *place) equal(other *place) bool {
	return p == other || p != nil && other != nil && p.document == other.document && p.item == other.item
}

// ReadManifest reads a file for kubectl: an object, several documents, or a list. It reports
// false for a file that is none, such as a rules file.
func ReadManifest(file string, data []byte) (m Manifest, ok bool) {
	for i, doc := range yamlfile.ParseAll(file, data) {
		root := doc.Mapping()
		if !isObject(root) {
			continue
		}
		ok = true
		if kind := root.Get("kind").Raw(); kind != "List" && kind != kindRuleSet+"List" {
			m.add(file, data, root, place{i, -1, doc})
			continue
		}
		for k, item := range root.Get("items").List() {
			m.add(file, data, item.Mapping(), place{i, k, doc})
		}
	}
	return m, ok
}

// isObject tells an object from rules, where both may hold mistakes.
func isObject(root *yamlfile.Mapping) bool {
	for _, key := range []string{"ignore", "switchGroups", "networks"} {
		if root.Get(key).Present() {
			return false
		}
	}
	return root.Get("kind").Present() || root.Get("apiVersion").Present()
}

func (m *Manifest) add(file string, data []byte, object *yamlfile.Mapping, at place) {
	kind, version := object.Get("kind").Raw(), object.Get("apiVersion").Raw()
	name := object.Get("metadata").Mapping().Get("name").Raw()
	if kind == kindRuleSet && strings.HasPrefix(version+"/", apiGroup) || kind == kindRuleSet && version == "" {
		m.RuleSets = append(m.RuleSets, RuleSet{name, Source{Name: file, Data: data, object: &at}})
		return
	}
	m.Others = append(m.Others, cmp.Or(strings.TrimSpace(kind+" "+name), "an object without a kind"))
}

// document reads the Data, and finds the rules in it.
func (s *Source) document() (*yamlfile.Document, *yamlfile.Mapping) {
	if s.object == nil {
		doc := yamlfile.Parse(s.Name, s.Data)
		return doc, doc.Mapping()
	}
	doc := s.object.read.Again()
	object := doc.Mapping()
	if s.object.item >= 0 {
		for _, known := range []string{"apiVersion", "kind", "metadata"} {
			object.Get(known)
		}
		object = object.Get("items").List()[s.object.item].Mapping()
	}
	return doc, spec(object)
}

// Spec returns the rules as JSON: what Merge reads, and nothing of what else the file holds.
func (s *Source) Spec() ([]byte, error) {
	_, rules := s.document()
	out := map[string]any{}
	for _, p := range rules.Pairs() {
		out[p.Key.Raw()] = p.Value.Plain()
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("read the rules of %s: %w", s.Name, err)
	}
	return data, nil
}

// spec is that of a RuleSet. Of the rest it says what would keep it from being one.
func spec(object *yamlfile.Mapping) *yamlfile.Mapping {
	version := object.Get("apiVersion").Required("write apiVersion: " + apiVersion)
	if text := version.Text(apiVersion); text != apiVersion {
		version.Mistake("there is no "+yamlfile.Quote(text), "write "+apiVersion)
	}
	object.Get("kind")
	object.Get("status")
	metadata := object.Get("metadata").Required("add metadata: with a name").Mapping()
	if object.Get("metadata").Present() {
		metadata.Get("name").Required("add the name of the RuleSet").Text("")
	}
	metadata.Pairs() // the others are Kubernetes' own
	return object.Get("spec").Required("add spec: with the rules").Mapping()
}
