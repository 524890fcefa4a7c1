// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/agent"
	"github.com/colvin-net/colvin/agent/config"
	"github.com/colvin-net/colvin/agent/containers"
	"github.com/colvin-net/colvin/agent/rulebook"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// What the benchmarks must show.
const (
	frameToNameP99 = 10 * time.Millisecond
	cableInMargin  = 50 * time.Millisecond
)

// percentile sorts what it is given.
func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

func report(b *testing.B, name string, d time.Duration) {
	b.Helper()
	b.ReportMetric(float64(d.Microseconds())/1000, name)
}

// observed is how long after something was heard the observer looks again, and some slack: what
// comes sooner waits for that.
const observed = 100 * time.Millisecond

// BenchmarkFrameToName measures from the moment a switch sends its frame until
// the name it gives is in the node file. Each round the switch comes back after a
// goodbye, and a while in which nothing is said, when its first frame counts. The limit on writes is lifted,
// because each round is worth one.
func BenchmarkFrameToName(b *testing.B) {
	netnstest.Require(b, netnstest.NetNS)
	ns, sw := netnstest.NewT(b, "node"), netnstest.NewT(b, "switch")
	netnstest.ConnectT(b, netnstest.Endpoint{In: ns, Name: "eth1"}, netnstest.Endpoint{In: sw, Name: "p1"})
	file := startAgent(b, ns)
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	if err := watch.Add(filepath.Dir(file)); err != nil {
		b.Fatal(err)
	}
	var s *speaker.Speaker
	if err := sw.Do(func() (err error) { s, err = speaker.Open("p1"); return err }); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var took []time.Duration
	f := switchFrame()
	for b.Loop() {
		if len(took) > 0 {
			send(b, s, f.Shutdown())
			awaitFile(b, watch, file, benchName, nodefile.Unverified)
			<-time.After(observed)
		}
		start := time.Now()
		send(b, s, f)
		awaitFile(b, watch, file, benchName, nodefile.Fresh)
		took = append(took, time.Since(start))
	}
	b.ReportMetric(0, "ns/op") // a round is more than what is measured
	report(b, "ms-p50", percentile(took, 50))
	report(b, "ms-p99", percentile(took, 99))
	if p99 := percentile(took, 99); p99 > frameToNameP99 {
		b.Errorf("99th percentile %v, want %v or less; median %v", p99, frameToNameP99, percentile(took, 50))
	}
}

// benchName is the name that the rules give to what the switch of a benchmark tells.
const benchName = "net-0"

func switchFrame() speaker.Frame {
	mac := discovery.MAC{2, 0, 0, 1, 0, 0}
	return speaker.Frame{
		Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort("p1"), TTL: time.Minute,
		SystemName: "sw-0", PVID: 100,
	}
}

func send(b *testing.B, s *speaker.Speaker, f speaker.Frame) {
	b.Helper()
	if err := s.Send(f); err != nil {
		b.Fatal(err)
	}
}

// noRecords is where nothing is attached.
type noRecords struct{}

func (noRecords) Load() *containers.Records { return &containers.Records{} }

func (noRecords) Updates() <-chan *containers.Records { return nil }

// startAgent runs the agent's parts in this process, on real sockets and files,
// and returns the path of its node file.
func startAgent(b *testing.B, ns *netnstest.Namespace) string {
	b.Helper()
	dir := b.TempDir()
	c := config.Config{
		Node: "node1", Rules: filepath.Join(dir, "rules.yaml"), RunDirectory: dir, StateDirectory: dir,
		Colours: config.Colours{Of: config.ColoursOfUntagged},
	}
	if err := os.WriteFile(c.Rules, []byte("networks:\n  - name: \"net-{system.1}\"\n    match: [{system: \"sw-(*)\", vlan: untagged}]\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	var links *link.Subscription
	if err := ns.Do(func() (err error) { links, err = link.Subscribe(); return err }); err != nil {
		b.Fatal(err)
	}
	observer := observe.New(observe.Config{Links: links, Listen: ether.Listen, ListenOn: observe.Patterns{"eth*"}})
	log := slog.New(slog.DiscardHandler)
	loop := agent.NewLoop(agent.Deps{
		Config: c, BootID: "bench", Snapshots: observer, WriteLimit: rate.NewLimiter(rate.Inf, 0),
		Rules: rulebook.New(c.Rules, "", dir, log), Records: noRecords{}, Log: log,
	})
	ctx, cancel := context.WithCancel(b.Context())
	var group errgroup.Group
	group.Go(func() error { return ns.Do(func() error { return observer.Run(ctx) }) })
	group.Go(func() error { return loop.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			b.Error(err)
		}
		_ = links.Close()
	})
	file := filepath.Join(dir, nodefile.FileName)
	for tick := time.Tick(time.Millisecond); ; <-tick { // it is written once the agent listens
		if _, err := nodefile.Read(file); err == nil {
			return file
		}
	}
}

// awaitFile waits until the node file resolves a name with a certainty.
func awaitFile(b *testing.B, w *fsnotify.Watcher, file, name string, c nodefile.Certainty) {
	b.Helper()
	late := time.After(10 * time.Second)
	for {
		f, err := nodefile.Read(file)
		if err == nil && lab.Resolves(name, "eth1", c)(f) {
			return
		}
		select {
		case <-w.Events:
		case <-late:
			b.Fatalf("%s is not %s: %+v, %v", name, c, f, err)
		}
	}
}

// cableInRounds is how often BenchmarkCableIn plugs the cable in.
const cableInRounds = 20

// BenchmarkCableIn plugs in a cable whose other end is a switch that runs lldpd,
// and measures until green resolves on the node, beside until an lldpd on the
// same interface of the same node knows the switch.
func BenchmarkCableIn(b *testing.B) {
	netnstest.Require(b, netnstest.NetNS, netnstest.RealLLDPD)
	if binaries.err != nil {
		b.Fatal(binaries.err)
	}
	ctx := b.Context()
	sw := netnstest.NewSwitchT(b, netnstest.SwitchConfig{Name: "sw-green", Interval: 30 * time.Second})
	n, err := lab.NewNode(ctx, "node1", binaries.Binaries)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Close() })
	if err := n.WriteFile("/etc/colvin/rules.yaml", rules); err != nil {
		b.Fatal(err)
	}
	if err := n.Cable(ctx, "eth1", sw, "p1", lab.GreenVLAN); err != nil {
		b.Fatal(err)
	}
	if err := n.StartAgent(ctx); err != nil {
		b.Fatal(err)
	}
	added := hostLLDPD(b, n)
	if err := n.Await(ctx, "green", lab.Resolves("green", "eth1", nodefile.Fresh)); err != nil {
		b.Fatal(err)
	}
	var colvin, lldpd []time.Duration
	for b.Loop() {
		for range cableInRounds {
			c, l := plugIn(b, n, added)
			colvin, lldpd = append(colvin, c), append(lldpd, l)
		}
	}
	b.ReportMetric(0, "ns/op")
	c, l := percentile(colvin, 50), percentile(lldpd, 50)
	report(b, "ms-colvin-p50", c)
	report(b, "ms-lldpd-p50", l)
	report(b, "ms-difference", c-l)
	if c-l > cableInMargin {
		b.Errorf("median %v, lldpd %v: %v later, want %v at most", c, l, c-l, cableInMargin)
	}
}

// plugIn pulls the cable and plugs it in again, and returns how long Colvin and
// lldpd took to know the switch.
func plugIn(b *testing.B, n *lab.Node, added <-chan time.Time) (colvin, lldpd time.Duration) {
	b.Helper()
	cable := n.Cables["eth1"]
	if err := cable.Unplug(); err != nil {
		b.Fatal(err)
	}
	if err := n.Await(b.Context(), "loss", lab.Resolves("green", "eth1", nodefile.Down)); err != nil {
		b.Fatal(err)
	}
	<-time.After(3 * time.Second) // lldpd takes a shorter loss for none
	for len(added) > 0 {
		<-added
	}
	start := time.Now()
	if err := cable.Plug(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	if err := n.Await(ctx, "green", lab.Resolves("green", "eth1", nodefile.Fresh)); err != nil {
		b.Fatal(err)
	}
	colvin = time.Since(start)
	select {
	case at := <-added:
		return colvin, at.Sub(start)
	case <-ctx.Done():
		b.Fatal("lldpd does not know the switch")
	}
	return 0, 0
}

// lldpdSocket is where the lldpd of a node is asked.
const lldpdSocket = "/run/host-lldpd.socket"

func lldpcli(ctx context.Context, n *lab.Node, args ...string) (string, error) {
	out, err := n.Command(ctx, "lldpcli", append([]string{"-u", lldpdSocket}, args...)...).Output()
	return string(out), err
}

// startLLDPD runs an lldpd on some ports of a node and waits until it answers.
func startLLDPD(b *testing.B, n *lab.Node, ports string) *netnstest.Cmd {
	b.Helper()
	daemon := n.Command(b.Context(), "lldpd", "-d", "-u", lldpdSocket, "-I", ports, "-S", "A host")
	if err := daemon.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		if _, err := lldpcli(b.Context(), n, "show", "configuration"); err == nil {
			return daemon
		}
	}
}

// hostLLDPD runs an lldpd on the node and tells when it learns of a neighbour.
func hostLLDPD(b *testing.B, n *lab.Node) <-chan time.Time {
	b.Helper()
	startLLDPD(b, n, "eth1")
	watch := n.Command(b.Context(), "lldpcli", "-u", lldpdSocket, "watch")
	out, err := watch.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		b.Fatal(err)
	}
	added := make(chan time.Time, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "LLDP neighbor added") {
				added <- time.Now()
			}
		}
	}()
	b.Cleanup(func() { _ = watch.Process.Kill(); <-done; _ = watch.Wait() })
	return added
}
