// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/controller"
	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const (
	kills    = 100
	killSeed = 7
	killHits = 40 // kills that must have been in the middle of a write

	changeEvery = 40 * time.Millisecond
	lastChance  = 2 * time.Second // for a process that has nothing to write
	stableVLAN  = 7
)

// TestKilled kills the controller 100 times, most often when a write is on its way or
// just done, while nodes, networks and rules come and go. No colour changes or is given
// twice, a label of what does not change never goes, and in the end all is as it should
// be.
func TestKilled(t *testing.T) {
	c := newCluster(t)
	k := newKiller(t, c)
	d := &driver{cluster: c, chance: rand.New(rand.NewPCG(killSeed, 1)), nodes: map[string][]sight{}, rules: map[string]map[int]string{}}
	t.Logf("seed %d", killSeed)
	must(t, d.begin(t.Context()))
	w := c.witness(t)

	ctx, stop := context.WithCancel(t.Context())
	g, changing := errgroup.WithContext(ctx)
	g.Go(func() error { return d.drive(changing) })
	begin := time.Now()
	for range kills {
		k.round(t)
	}
	t.Logf("%d kills in %v: %v", kills, time.Since(begin).Round(time.Second), k.ended)
	stop()
	must(t, g.Wait())
	if hits := k.ended["before a write"] + k.ended["after a write"]; hits < killHits {
		t.Errorf("%d kills were at a write, want %d", hits, killHits)
	}
	must(t, d.settle(t.Context()))
	k.start(t, "the-last", shot{})
	begin = time.Now()
	eventually(t, "", c.differences)
	t.Logf("the last one had all in order after %v", time.Since(begin).Round(time.Millisecond))
	for name := range d.nodes {
		eventually(t, d.labels(name), c.labelsOf(name))
	}
	k.stop(t)
	w.stop(t)
	t.Logf("%d changes, %d colours, %d events of the stable node", d.changes, len(w.colours), w.seen)
}

// differences are what a plan finds to be wrong.
func (c *cluster) differences(ctx context.Context) (string, error) {
	k, err := c.client()
	if err != nil {
		return "", err
	}
	all, err := controller.Read(ctx, k)
	if err != nil {
		return "", err
	}
	p := plan.New(plan.Options{}).Plan(all, time.Now())
	var out []string
	for _, n := range p.Nodes {
		out = append(out, fmt.Sprintf("node %s: add %v, remove %v", n.Node.Name, n.Add, n.Remove))
	}
	for _, n := range p.Networks {
		out = append(out, "network "+n.Name)
	}
	for _, r := range p.RuleSets {
		out = append(out, "ruleset "+r.Name)
	}
	for _, u := range p.Uncoloured {
		out = append(out, "no colour for "+u.Identity.String())
	}
	return strings.Join(append(out, p.Frozen), "\n"), nil
}

func (c *cluster) client() (client.WithWatch, error) {
	s := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		return nil, err
	}
	access := config(c.Client)
	access.QPS = -1
	return client.NewWithWatch(access, client.Options{Scheme: s})
}

// A driver changes the cluster as agents, admins and kubelets do.
type driver struct {
	*cluster
	chance  *rand.Rand
	nodes   map[string][]sight        // what they see
	rules   map[string]map[int]string // by RuleSet, names by VLAN
	changes int
}

func (d *driver) begin(ctx context.Context) error {
	d.nodes["stable"] = []sight{{leaf: 1, vlan: stableVLAN}}
	d.rules["stable"] = map[int]string{stableVLAN: "stable"}
	return errors.Join(d.addNode(ctx, "stable"), d.publish(ctx, "stable", topology(d.nodes["stable"]...)), d.writeRules(ctx, "stable"))
}

// drive makes one change after the other, each to its end.
func (d *driver) drive(ctx context.Context) error {
	ticker := time.NewTicker(changeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		d.changes++
		if err := d.change(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

func (d *driver) change(ctx context.Context) error {
	node, set := fmt.Sprintf("node%d", d.chance.IntN(8)), fmt.Sprintf("set%d", d.chance.IntN(3))
	sights, there := d.nodes[node]
	switch n := d.chance.IntN(10); {
	case !there:
		d.nodes[node] = d.sights()
		return errors.Join(d.addNode(ctx, node), d.publish(ctx, node, topology(d.nodes[node]...)))
	case n == 0:
		return d.deleteNode(ctx, node)
	case n < 3 && d.rules[set] == nil || n == 1:
		d.rules[set] = map[int]string{}
		for range d.chance.IntN(4) {
			d.rules[set][100+d.chance.IntN(10)] = fmt.Sprintf("net%d", d.chance.IntN(6))
		}
		return d.writeRules(ctx, set)
	case n == 2:
		delete(d.rules, set)
		return d.Do(ctx, http.MethodDelete, objects+v1alpha1.RuleSets+"/"+set, nil, nil)
	case n == 3: // a mistake, until the next change of this set
		d.rules[set] = map[int]string{}
		return d.ruleSet(ctx, set, object{"networks": []object{{"name": "wrong", "match": []object{{"group": "nowhere"}}}}})
	case n == 4 && len(sights) > 0: // a cable is out
		doubted := slices.Clone(sights)
		doubted[0].certainty, doubted[0].since = v1alpha1.Down, time.Now()
		return d.publish(ctx, node, topology(doubted...))
	default:
		d.nodes[node] = d.sights()
		return d.publish(ctx, node, topology(d.nodes[node]...))
	}
}

func (d *driver) sights() []sight {
	out := make([]sight, d.chance.IntN(4))
	for i := range out {
		out[i] = sight{leaf: 1 + d.chance.IntN(6), vlan: 100 + d.chance.IntN(10)}
	}
	return out
}

func (d *driver) deleteNode(ctx context.Context, node string) error {
	delete(d.nodes, node)
	err := d.Do(ctx, http.MethodDelete, nodes+"/"+node, nil, nil)
	return errors.Join(err, d.Do(ctx, http.MethodDelete, objects+v1alpha1.NodeTopologies+"/"+node, nil, nil))
}

func (d *driver) writeRules(ctx context.Context, set string) error {
	networks := []object{}
	for vlan, name := range d.rules[set] {
		networks = append(networks, network(name, vlan))
	}
	slices.SortFunc(networks, func(a, b object) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return d.ruleSet(ctx, set, object{"networks": networks})
}

// settle writes all as it is meant in the end: without mistakes and doubts.
func (d *driver) settle(ctx context.Context) error {
	for set := range d.rules {
		if err := d.writeRules(ctx, set); err != nil {
			return err
		}
	}
	for node, sights := range d.nodes {
		if err := d.publish(ctx, node, topology(sights...)); err != nil {
			return err
		}
	}
	return nil
}

// labels are those that a node should have in the end, by other means than a plan.
func (d *driver) labels(node string) string {
	names := map[int]string{}
	for _, set := range []string{"set0", "set1", "set2", "stable"} { // the first that names a VLAN counts
		for vlan, name := range d.rules[set] {
			if names[vlan] == "" {
				names[vlan] = name
			}
		}
	}
	var out []string
	for _, s := range d.nodes[node] {
		if name := names[s.vlan]; name != "" {
			out = append(out, name+"=true")
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// A witness sees every change of the Colours and of the stable node.
type witness struct {
	watches []watch.Interface
	running sync.WaitGroup
	ending  atomic.Bool

	mu      sync.Mutex
	colours map[string]v1alpha1.ColourSpec
	seen    int
	wrong   []string
}

func (c *cluster) witness(t *testing.T) *witness {
	t.Helper()
	k, err := c.client()
	must(t, err)
	w := &witness{colours: map[string]v1alpha1.ColourSpec{}}
	colours, err := k.Watch(t.Context(), new(v1alpha1.ColourList))
	must(t, err)
	nodes, err := k.Watch(t.Context(), new(corev1.NodeList), client.MatchingFields{"metadata.name": "stable"})
	must(t, err)
	w.watches = []watch.Interface{colours, nodes}
	w.running.Go(func() { w.each(colours, w.colour) })
	w.running.Go(func() { w.each(nodes, w.node) })
	return w
}

func (w *witness) each(watching watch.Interface, see func(watch.Event)) {
	for e := range watching.ResultChan() {
		w.mu.Lock()
		if e.Type != watch.Error {
			see(e)
		} else if !w.ending.Load() {
			w.wrong = append(w.wrong, fmt.Sprintf("a watch ends: %+v", e.Object))
		}
		w.mu.Unlock()
	}
}

func (w *witness) colour(e watch.Event) {
	c, ok := e.Object.(*v1alpha1.Colour)
	if !ok {
		return
	}
	before, known := w.colours[c.GetName()]
	switch {
	case e.Type == watch.Deleted || known && before != c.Spec:
		w.wrong = append(w.wrong, fmt.Sprintf("%s of colour %+v, which was %+v", e.Type, e.Object, before))
	case !known:
		for name, spec := range w.colours {
			if spec == c.Spec {
				w.wrong = append(w.wrong, fmt.Sprintf("%+v has the colours %s and %s", spec, name, c.Name))
			}
		}
	}
	w.colours[c.GetName()] = c.Spec
}

func (w *witness) node(e watch.Event) {
	n, ok := e.Object.(*corev1.Node)
	labelled := ok && n.Labels[plan.LabelPrefix+"stable"] == "true"
	if labelled {
		w.seen++
	}
	if !labelled && w.seen > 0 || e.Type == watch.Deleted {
		w.wrong = append(w.wrong, fmt.Sprintf("%s of the stable node without its label: %+v", e.Type, e.Object))
	}
}

func (w *witness) stop(t *testing.T) {
	t.Helper()
	w.ending.Store(true)
	for _, watching := range w.watches {
		watching.Stop()
	}
	w.running.Wait()
	for _, wrong := range w.wrong {
		t.Error(wrong)
	}
	if w.seen == 0 || len(w.colours) == 0 {
		t.Errorf("saw %d states of the stable node and %d colours", w.seen, len(w.colours))
	}
}

// A killer runs a controller and kills it. What the controller asks of the API server
// passes through the killer, so that it can choose the moment.
type killer struct {
	chance     *rand.Rand
	program    string
	kubeconfig string
	log        string
	ended      map[string]int // how often it was killed when
	process    *exec.Cmd
	exited     chan struct{}

	mu   sync.Mutex
	shot shot
}

// A shot is when to kill: at the write after so many others, before the API server
// gets it or after it did it.
type shot struct {
	armed  bool
	skip   int
	after  bool
	victim *os.Process
	hit    string
}

func newKiller(t *testing.T, c *cluster) *killer {
	t.Helper()
	dir := t.TempDir()
	k := &killer{
		chance: rand.New(rand.NewPCG(killSeed, 2)), program: filepath.Join(dir, controller.Name),
		kubeconfig: filepath.Join(dir, "kubeconfig"), log: filepath.Join(dir, "log"), ended: map[string]int{},
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", k.program, "github.com/colvin-net/colvin/cmd/colvin-controller")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	transport, err := rest.TransportFor(config(c.Client))
	must(t, err)
	target, err := url.Parse(c.Host)
	must(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     roundTrip(func(r *http.Request) (*http.Response, error) { return k.pass(r, transport) }),
		FlushInterval: -1,
		ErrorLog:      nil,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(proxy.Close)
	user := controlplane.Client{Host: proxy.URL, Token: c.account.Token}
	must(t, os.WriteFile(k.kubeconfig, user.Kubeconfig(), 0o600))
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(k.log)
			t.Logf("the controllers said at last:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return k
}

// pass passes a request on, and kills its sender before or after that.
func (k *killer) pass(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	write := r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/leases/") && !strings.Contains(r.URL.Path, "/events")
	if !write {
		return next.RoundTrip(r)
	}
	aim := k.aim()
	if aim != nil && !aim.after {
		_ = aim.victim.Kill()
		return nil, io.ErrUnexpectedEOF
	}
	if aim == nil {
		return next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	again := r.Clone(context.WithoutCancel(r.Context())) // which its sender's end must not end
	again.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := next.RoundTrip(again)
	_ = aim.victim.Kill()
	return resp, err
}

// aim returns the shot where this write is the one.
func (k *killer) aim() *shot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.shot.armed {
		return nil
	}
	if k.shot.skip > 0 {
		k.shot.skip--
		return nil
	}
	k.shot.armed, k.shot.hit = false, "before a write"
	if k.shot.after {
		k.shot.hit = "after a write"
	}
	aim := k.shot
	return &aim
}

// start starts a controller under a name.
func (k *killer) start(t *testing.T, name string, s shot) {
	t.Helper()
	log, err := os.OpenFile(k.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer log.Close()
	k.process = exec.Command(k.program, "--kubeconfig="+k.kubeconfig, "--namespace="+namespace, "--health-address=",
		"--lease-duration=1s", "--renew-deadline=700ms", "--retry-period=200ms")
	k.process.Env = append(os.Environ(), "POD_NAME="+name)
	k.process.Stderr = log
	k.mu.Lock()
	defer k.mu.Unlock()
	must(t, k.process.Start())
	s.victim = k.process.Process
	k.shot = s
	k.exited = make(chan struct{})
	go func(p *exec.Cmd, exited chan struct{}) {
		_ = p.Wait() // killed
		close(exited)
	}(k.process, k.exited)
}

func (k *killer) stop(t *testing.T) {
	t.Helper()
	must(t, k.process.Process.Signal(os.Interrupt))
	<-k.exited
	if code := k.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the controller ended with %d", code)
	}
}

// round starts a controller and kills it: at a write as a rule, else at a random
// moment, which may be before it leads.
func (k *killer) round(t *testing.T) {
	t.Helper()
	s := shot{armed: true, skip: k.chance.IntN(8), after: k.chance.IntN(2) == 0}
	patience := lastChance
	if k.chance.IntN(5) == 0 {
		s.armed, patience = false, time.Duration(k.chance.IntN(600))*time.Millisecond
	}
	name := "the-same"
	if k.chance.IntN(4) == 0 { // it has to wait for the end of the Lease
		name = fmt.Sprintf("another-%d", k.chance.IntN(1000))
	}
	k.start(t, name, s)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-k.exited:
	case <-timer.C:
		_ = k.process.Process.Kill()
		<-k.exited
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.shot.hit != "":
		k.ended[k.shot.hit]++
	case s.armed:
		k.ended["with too little to write"]++
	default:
		k.ended["at a random moment"]++
	}
	k.shot.armed = false
}
