// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// A resource is a kind as the API server serves it.
type resource struct{ group, version, plural, kind string }

// The resources that are read.
var (
	topologies  = resource{v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, v1alpha1.NodeTopologies, "NodeTopology"}
	networks    = resource{v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, v1alpha1.Networks, "Network"}
	ruleSets    = resource{v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, v1alpha1.RuleSets, "RuleSet"}
	colours     = resource{v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, v1alpha1.Colours, "Colour"}
	nodes       = resource{"", "v1", "nodes", "Node"}
	pods        = resource{"", "v1", "pods", "Pod"}
	events      = resource{"", "v1", "events", "Event"}
	namespaces  = resource{"", "v1", "namespaces", "Namespace"}
	definitions = resource{"k8s.cni.cncf.io", "v1", "network-attachment-definitions", "NetworkAttachmentDefinition"}
)

// String is the resource as people name it to kubectl.
func (r resource) String() string {
	if r.group == "" {
		return r.plural
	}
	return r.plural + "." + r.group
}

func (r resource) path(namespace, name string) []string {
	parts := []string{"apis", r.group, r.version}
	if r.group == "" {
		parts = []string{"api", r.version}
	}
	if namespace != "" {
		parts = append(parts, "namespaces", namespace)
	}
	if parts = append(parts, r.plural); name != "" {
		parts = append(parts, name)
	}
	return parts
}

// The forms in which the API server answers: whole objects, their metadata alone, or what
// kubectl get shows of them, which is much less than the objects where these are large.
const (
	whole    = "application/json"
	metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	asTable  = "application/json;as=Table;g=meta.k8s.io;v=v1"
)

// pageSize is how many objects are asked for at once.
const pageSize = 500

// A query is what is asked for.
type query struct {
	resource
	namespace string // empty: of all
	name      string // empty: a list
	form      string // empty: whole
	selector  map[string]string
}

// A client reads the objects of one cluster.
type client struct {
	api       *rest.RESTClient
	namespace string // that the user means
}

// connect finds the API server and the namespace, as kubectl does.
func (a *app) connect() (*client, error) {
	config, err := a.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	namespace, _, err := a.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace: %w", err)
	}
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return nil, fmt.Errorf("%q is no namespace", namespace)
	}
	scheme := kruntime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes, config.ContentType = whole, whole
	config.UserAgent = "kubectl-colvin/" + a.version
	config.WarningHandler = rest.NewWarningWriter(a.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	config.QPS = -1 // what is asked for is bounded by pages
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	api, err := rest.UnversionedRESTClientForConfigAndClient(config, http)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return &client{api: api, namespace: namespace}, nil
}

// get reads one object.
func get[T any](ctx context.Context, c *client, q query) (*T, error) {
	if q.name == "" {
		return nil, q.missing()
	}
	data, err := c.ask(ctx, q, "")
	if err != nil {
		return nil, err
	}
	var out T
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", q.resource, q.name, err)
	}
	return &out, nil
}

// ask asks for an object, or for a page of a list. Names come from pods and people, and one
// that is a path of its own would ask for something else.
func (c *client) ask(ctx context.Context, q query, after string) ([]byte, error) {
	for _, part := range []string{q.namespace, q.name} {
		if len(content.IsPathSegmentName(part)) > 0 {
			return nil, q.missing()
		}
	}
	r := c.api.Get().AbsPath(q.path(q.namespace, q.name)...)
	if q.form != "" {
		r.SetHeader("Accept", q.form+","+whole)
	}
	for key, value := range q.selector {
		r.Param(key, value)
	}
	if q.name == "" {
		r.Param("limit", strconv.Itoa(pageSize))
	}
	if after != "" {
		r.Param("continue", after)
	}
	data, err := said(r.Do(ctx))
	if err != nil {
		return nil, q.explain(err)
	}
	return data, nil
}

// said is what the API server answered. Raw alone leaves out why it refused.
func said(r rest.Result) ([]byte, error) {
	if err := r.Error(); err != nil {
		return nil, err
	}
	return r.Raw()
}

// A page is a part of a list. The objects are read several at a time.
type page struct {
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items   []json.RawMessage `json:"items"`
	Columns []column          `json:"columnDefinitions"` // of a table
	Rows    []json.RawMessage `json:"rows"`              // of a table, in the place of items
}

type column struct {
	Name string `json:"name"`
}

// list reads a list page by page, and returns what use makes of its objects, of those that
// use keeps, in the order of the list. use runs for several objects at once. A list that
// became too old to go on with is begun anew, once.
func list[T, R any](ctx context.Context, c *client, q query, use func(*T) (R, bool)) ([]R, error) {
	return listPages(ctx, c, q, func(_ *page, object *T) (R, bool) { return use(object) })
}

func listPages[T, R any](ctx context.Context, c *client, q query, use func(*page, *T) (R, bool)) ([]R, error) {
	out, err := listOnce(ctx, c, q, use)
	if apierrors.IsResourceExpired(err) {
		return listOnce(ctx, c, q, use)
	}
	return out, err
}

func listOnce[T, R any](ctx context.Context, c *client, q query, use func(*page, *T) (R, bool)) ([]R, error) {
	const part = 100
	var parts []*[]R
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	err := c.pages(ctx, q, func(p *page) {
		for raw := range slices.Chunk(slices.Concat(p.Items, p.Rows), part) {
			out := new([]R)
			parts = append(parts, out)
			group.Go(func() (err error) {
				*out, err = readAll(p, raw, use)
				return err
			})
		}
	})
	if decode := group.Wait(); err == nil && decode != nil {
		err = fmt.Errorf("read %s: %w", q.resource, decode)
	}
	if err != nil {
		return nil, err
	}
	out := []R{}
	for _, p := range parts {
		out = append(out, *p...)
	}
	return out, nil
}

// pages asks for page after page.
func (c *client) pages(ctx context.Context, q query, take func(*page)) error {
	for after := ""; ; {
		data, err := c.ask(ctx, q, after)
		if err != nil {
			return err
		}
		p := new(page)
		if err := json.Unmarshal(data, p); err != nil {
			return fmt.Errorf("read %s: %w", q.resource, err)
		}
		take(p)
		if after = p.Metadata.Continue; after == "" {
			return nil
		}
	}
}

func readAll[T, R any](p *page, raw []json.RawMessage, use func(*page, *T) (R, bool)) ([]R, error) {
	var out []R
	for _, data := range raw {
		object := new(T)
		if err := json.Unmarshal(data, object); err != nil {
			return nil, err
		}
		if r, keep := use(p, object); keep {
			out = append(out, r)
		}
	}
	return out, nil
}

// A row is one object in a table, as kubectl get -o wide shows it, with its metadata.
type row struct {
	Cells  []any  `json:"cells"`
	Object object `json:"object"`
}

// cell is what the row shows in a column; empty where there is no such column.
func (r *row) cell(p *page, name string) string {
	i := slices.IndexFunc(p.Columns, func(c column) bool { return c.Name == name })
	if i < 0 || i >= len(r.Cells) || r.Cells[i] == nil {
		return ""
	}
	return fmt.Sprint(r.Cells[i])
}

// An object is the metadata of one, as far as they are read.
type object struct {
	Metadata meta `json:"metadata"`
}

type ownerReference = metav1.OwnerReference

// meta is the part of an object's metadata that counts here: who wrote which field is most of
// it, and does not.
type meta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	UID         types.UID         `json:"uid"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Owners      []ownerReference  `json:"ownerReferences"`
	Created     metav1.Time       `json:"creationTimestamp"`
	Deleted     *metav1.Time      `json:"deletionTimestamp"`
	Generation  int64             `json:"generation"`
}
