// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/latest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Config says how to reach the API server, and for whom.
type Config struct {
	Node       string // as the agent is called
	Kubeconfig string // file; empty for the service account of the pod
	Version    string // of the agent
	Log        *slog.Logger
}

// A Cluster connects an agent to an API server.
type Cluster struct {
	ruleSets, colours *watched
	publisher         *publisher
	identity          string
	updates           chan agentapi.ClusterUpdate
	log               *slog.Logger

	mu   sync.Mutex // one update after the other, as of one producer
	said []mapping.Condition
}

var _ agentapi.Cluster = (*Cluster)(nil)

// New returns a Cluster that reaches nobody yet: that the API server is away is no
// error.
func New(c Config) (*Cluster, error) {
	quiet()
	config, err := connection(c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	config.UserAgent = "colvind/" + c.Version
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	out := &Cluster{identity: identity(config), updates: make(chan agentapi.ClusterUpdate, 1), log: c.Log}
	out.ruleSets = newWatched(client, v1alpha1.Resource(v1alpha1.RuleSets), out.changed)
	out.colours = newWatched(client, v1alpha1.Resource(v1alpha1.Colours), out.changed)
	out.publisher = newPublisher(&objects{client: client, node: c.Node}, out.changed, c.Log)
	return out, nil
}

// quiet keeps the libraries from logging: what goes wrong is told here, once.
var quiet = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

// connection is address and credentials of the API server, as colvind.yaml says.
func connection(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read %s, which kubernetes.kubeconfig in colvind.yaml names: %w; name the file with address and credentials of the API server there", kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, fmt.Errorf("kubernetes.kubeconfig in colvind.yaml names no file, and colvind runs in no pod (%w); name the file with address and credentials of the API server there, or set kubernetes.enabled: false", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the pod's service account: %w; or set kubernetes.kubeconfig in colvind.yaml", err)
	}
	return config, nil
}

// identity tells API servers apart by whom their certificates are trusted for, since
// one may be reached by several addresses; without a CA, by the address.
func identity(c *rest.Config) string {
	ca := c.CAData
	if data, err := os.ReadFile(c.CAFile); len(ca) == 0 && err == nil {
		ca = data
	}
	if ca = bytes.TrimSpace(ca); len(ca) == 0 {
		return c.Host
	}
	return fmt.Sprintf("ca-%x", sha256.Sum256(ca))
}

// Identity implements agentapi.Cluster.
func (c *Cluster) Identity() string { return c.identity }

// String names the task.
func (*Cluster) String() string { return "connect to the cluster" }

// Run watches and publishes until ctx ends.
func (c *Cluster) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.ruleSets.run(ctx) })
	group.Go(func() error { return c.colours.run(ctx) })
	group.Go(func() error { return c.publisher.run(ctx) })
	return group.Wait()
}

// Updates implements agentapi.Cluster.
func (c *Cluster) Updates() <-chan agentapi.ClusterUpdate { return c.updates }

// Publish implements agentapi.Cluster.
func (c *Cluster) Publish(s *agentapi.State) { c.publisher.offer(s) }

// changed tells the agent what the cluster says now.
func (c *Cluster) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := agentapi.ClusterUpdate{Problems: c.problems()}
	ruleSets, known := c.ruleSets.list()
	colours, both := c.colours.list()
	if known && both {
		u.RuleSets, u.Colours = sources(ruleSets, c.log), book(colours)
	}
	latest.Put(c.updates, u)
}

// problems are what is wrong now. Each is logged once.
func (c *Cluster) problems() []mapping.Condition {
	counts := "so what was known then counts"
	if _, known := c.ruleSets.list(); !known {
		counts = "so what an earlier run knew counts, and where none knew anything, nothing has a name"
	}
	var out []mapping.Condition
	for _, w := range []*watched{c.ruleSets, c.colours} {
		if since, err := w.trouble.problem(); err != nil {
			out = append(out, mapping.Condition{Type: mapping.ClusterUnreachable, Message: fmt.Sprintf(
				"the cluster's %s cannot be watched since %s, %s: %s", w.resource.Resource, since.Format(time.DateTime), counts, messageOf(err))})
			break // the other has the same
		}
	}
	if err := c.publisher.problem(); err != nil && (len(out) == 0 || permanent(err)) {
		out = append(out, mapping.Condition{Type: mapping.NotPublished, Message: fmt.Sprintf(
			"what this node sees is not published, so the scheduler goes by what was before: %s", messageOf(err))})
	}
	if left := c.publisher.leftOut(); left != "" {
		out = append(out, mapping.Condition{Type: mapping.TopologyTooLarge, Message: left})
	}
	for _, p := range out {
		if !slices.Contains(c.said, p) {
			c.log.Warn("cluster", "condition", p.Type, "message", p.Message)
		}
	}
	if len(out) == 0 && len(c.said) > 0 {
		c.log.Info("cluster is reached")
	}
	c.said = out
	return out
}

// sources are the rules of RuleSets: all of them or, where one cannot be read, nil, since
// without it the others could mean something else.
func sources(ruleSets []*unstructured.Unstructured, log *slog.Logger) []rules.Source {
	out := []rules.Source{}
	for _, r := range ruleSets {
		source, err := clusterview.RuleSource(r.GetName(), r.Object["spec"])
		if err != nil { // it came as JSON, so it can be written as such
			log.Error("RuleSet cannot be read, so what was known before counts", "ruleset", r.GetName(), "error", err)
			return nil
		}
		out = append(out, source)
	}
	clusterview.SortRuleSources(out)
	return out
}

// book is all Colours, oldest first. Those of one second are in the order of their
// names, as everywhere.
func book(colours []*unstructured.Unstructured) []mapping.Colour {
	slices.SortFunc(colours, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time), cmp.Compare(a.GetName(), b.GetName()))
	})
	out := []mapping.Colour{}
	for _, c := range colours {
		spec, _, _ := unstructured.NestedMap(c.Object, "spec")
		chassis, _, _ := unstructured.NestedString(spec, "switch")
		vlan, _, _ := unstructured.NestedInt64(spec, "vlan")
		// A key of a later version could confine the colour to a part of this VLAN.
		if len(spec) == 2 && chassis != "" && 1 <= vlan && vlan <= discovery.MaxVID {
			out = append(out, mapping.Colour{Name: c.GetName(), Identity: clusterview.ColourIdentity(chassis, int32(vlan))})
		}
	}
	return out
}
