// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type jsonObject = map[string]any

// A fake is as much of an API server as the commands ask. What it makes tables of is what the
// real one does, of which TestRealServer holds that the commands take it.
type fake struct {
	t       testing.TB
	objects map[string][]jsonObject // by resource, such as nodetopologies.colvin.dev, sorted by namespace and name
	refused map[string]bool         // "list pods", or "list pods in default"
	asked   []string                // what was asked for
	wrote   []string                // what was written, such as "POST rulesets.colvin.dev green"
	before  func()                  // runs before each answer
}

// resourceOf is where the objects of a kind are.
var resourceOf = map[string]string{
	"Node": "nodes", "Pod": "pods", "Event": "events", "Namespace": "namespaces", "NetworkAttachmentDefinition": definitions.String(),
	"NodeTopology": topologies.String(), "Network": networks.String(), "RuleSet": ruleSets.String(), "Colour": colours.String(),
}

// newSite is a cluster of generated nodes, with more objects beside them.
func newSite(t *testing.T, nodes int, texts ...string) *fake {
	t.Helper()
	f := newFake(t, texts...)
	for _, o := range generate(t, nodes).objects(t) {
		f.add(o)
	}
	return f
}

func newFake(tb testing.TB, manifests ...string) *fake {
	tb.Helper()
	f := &fake{t: tb, objects: map[string][]jsonObject{}, refused: map[string]bool{}}
	for _, r := range resourceOf {
		f.objects[r] = []jsonObject{}
	}
	for _, m := range manifests {
		for document := range strings.SplitSeq(m, "\n---\n") {
			var o jsonObject
			if err := yaml.Unmarshal([]byte(document), &o); err != nil {
				tb.Fatal(err)
			}
			if o != nil {
				f.add(o)
			}
		}
	}
	return f
}

// add adds an object, or the objects of a List.
func (f *fake) add(o jsonObject) {
	if items, ok := o["items"].([]any); ok {
		for _, item := range items {
			f.add(as[jsonObject](item))
		}
		return
	}
	r := resourceOf[fmt.Sprint(o["kind"])]
	if r == "" {
		f.t.Fatalf("the fake knows no kind %v", o["kind"])
	}
	f.objects[r] = append(f.objects[r], o)
	slices.SortFunc(f.objects[r], func(a, b jsonObject) int { return strings.Compare(keyOf(a), keyOf(b)) })
}

func keyOf(o jsonObject) string {
	return text(o, "metadata", "namespace") + "/" + text(o, "metadata", "name")
}

// text is a text in an object; empty where it is not there.
func text(o jsonObject, path ...string) string {
	var at any = o
	for _, key := range path {
		m, _ := at.(jsonObject)
		at = m[key]
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

func (f *fake) start() string {
	server := httptest.NewServer(f)
	f.t.Cleanup(server.Close)
	return server.URL
}

// A call is a path taken apart.
type call struct{ resource, namespace, name string }

func parse(path string) call {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var c call
	group := ""
	if parts[0] == "apis" {
		group, parts = "."+parts[1], parts[3:]
	} else {
		parts = parts[2:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		c.namespace, parts = parts[1], parts[2:]
	}
	c.resource = parts[0] + group
	if len(parts) > 1 {
		c.name = parts[1]
	}
	return c
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.before != nil {
		f.before()
	}
	c := parse(r.URL.Path)
	verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch"}[r.Method]
	if verb == "get" && c.name == "" {
		verb = "list"
	}
	form := "whole"
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "as=") {
		_, form, _ = strings.Cut(strings.SplitN(accept, ";g=", 2)[0], "as=")
	}
	f.asked = append(f.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s", verb, c.resource, form)))
	objects, served := f.objects[c.resource]
	what := verb + " " + c.resource
	switch {
	case f.refused[what] || c.namespace == "" && f.refused[what+" everywhere"]:
		f.status(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("%s is forbidden: User \"u\" cannot %s", c.resource, verb))
	case !served:
		f.status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	case r.Method != http.MethodGet:
		f.write(w, r, c)
	case c.name != "":
		i := slices.IndexFunc(objects, func(o jsonObject) bool {
			return text(o, "metadata", "name") == c.name && text(o, "metadata", "namespace") == c.namespace
		})
		if i < 0 {
			f.status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", c.resource, c.name))
			return
		}
		f.answer(w, http.StatusOK, objects[i])
	default:
		f.list(w, r, c, form)
	}
}

func (f *fake) status(w http.ResponseWriter, code int, reason, message string) {
	f.answer(w, code, jsonObject{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}

func (f *fake) answer(w http.ResponseWriter, code int, o any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(o); err != nil {
		f.t.Error(err)
	}
}

// list answers with a page.
func (f *fake) list(w http.ResponseWriter, r *http.Request, c call, form string) {
	var all []jsonObject
	for _, o := range f.objects[c.resource] {
		if (c.namespace == "" || text(o, "metadata", "namespace") == c.namespace) && selected(o, r.URL.Query().Get("fieldSelector")) {
			all = append(all, o)
		}
	}
	begin, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	end := min(len(all), begin+max(limit, 1))
	meta := jsonObject{"resourceVersion": "1"}
	if end < len(all) {
		meta["continue"] = strconv.Itoa(end)
	}
	out := jsonObject{"apiVersion": "v1", "kind": "List", "metadata": meta}
	switch some := all[begin:end]; form {
	case "Table":
		columns, row := tableOf(c.resource)
		list := []jsonObject{}
		for _, name := range columns {
			list = append(list, jsonObject{"name": name})
		}
		rows := []jsonObject{}
		for _, o := range some {
			rows = append(rows, jsonObject{"cells": row(o), "object": jsonObject{"metadata": o["metadata"]}})
		}
		out["kind"], out["columnDefinitions"], out["rows"] = "Table", list, rows
	case "PartialObjectMetadataList":
		items := []jsonObject{}
		for _, o := range some {
			items = append(items, jsonObject{"metadata": o["metadata"]})
		}
		out["items"] = items
	default:
		out["items"] = append([]jsonObject{}, some...)
	}
	f.answer(w, http.StatusOK, out)
}

// selected reports whether an object is selected by its fields.
func selected(o jsonObject, selector string) bool {
	for part := range strings.SplitSeq(selector, ",") {
		if path, value, ok := strings.Cut(part, "="); ok && text(o, strings.Split(path, ".")...) != value {
			return false
		}
	}
	return true
}

// tableOf is how the API server makes tables of a resource.
func tableOf(resource string) (columns []string, row func(jsonObject) []any) {
	switch resource {
	case "nodes":
		return []string{"Name", "Status", "Roles", "Age", "Version"}, func(o jsonObject) []any {
			return []any{text(o, "metadata", "name"), nodeStatus(o), "<none>", "5m", "v1.37.2"}
		}
	case "pods":
		return []string{"Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"}, func(o jsonObject) []any {
			return []any{text(o, "metadata", "name"), "1/1", text(o, "status", "phase"), 0, "5m", "", text(o, "spec", "nodeName")}
		}
	}
	summary := func(o jsonObject, key string) any {
		spec, _ := o["spec"].(jsonObject)
		s, _ := spec["summary"].(jsonObject)
		return s[key]
	}
	return []string{"Name", "Ports", "Heard", "Pinned", "Unsure", "Moved", "Converged", "Age"}, func(o jsonObject) []any {
		return []any{text(o, "metadata", "name"), summary(o, "ports"), summary(o, "heard"), summary(o, "pinned"), summary(o, "unsure"), summary(o, "moved"), text(o, "spec", "converged"), "5m"}
	}
}

// nodeStatus is what kubectl get nodes shows.
func nodeStatus(o jsonObject) string {
	out := "Unknown"
	status, _ := o["status"].(jsonObject)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if c := as[jsonObject](c); c["type"] == "Ready" {
			out = map[any]string{"True": "Ready"}[c["status"]]
			if out == "" {
				out = "NotReady"
			}
		}
	}
	if text(o, "spec", "unschedulable") == "true" {
		out += ",SchedulingDisabled"
	}
	return out
}

// write keeps what is written, unless it is only tried, or bears a name that none can bear.
func (f *fake) write(w http.ResponseWriter, r *http.Request, c call) {
	var o jsonObject
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		f.status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	if name := text(o, "metadata", "name"); name != strings.ToLower(name) {
		f.status(w, http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf("RuleSet.colvin.dev %q is invalid: metadata.name: Invalid value", name))
		return
	}
	dry := ""
	if r.URL.Query().Get("dryRun") != "" {
		dry = " (dry run)"
	}
	f.wrote = append(f.wrote, fmt.Sprintf("%s %s %s%s", r.Method, c.resource, text(o, "metadata", "name"), dry))
	if dry == "" {
		f.objects[c.resource] = slices.DeleteFunc(f.objects[c.resource], func(x jsonObject) bool { return keyOf(x) == keyOf(o) })
		f.add(maps.Clone(o))
	}
	f.answer(w, http.StatusOK, o)
}

// as is a value of JSON as what it is known to be.
func as[T any](v any) T {
	x, ok := v.(T)
	if !ok {
		panic(fmt.Sprintf("%v is no %T", v, x))
	}
	return x
}
