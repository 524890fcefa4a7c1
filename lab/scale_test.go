// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
)

// What BenchmarkScale runs, and what it must show.
const (
	scalePorts    = 64
	scaleInterval = 30 * time.Second // between two frames of a switch port (msgTxInterval)
	scaleTTL      = 4 * scaleInterval
	scaleWarmUp   = time.Minute     // everybody is known, nobody is watched for other speakers any more
	scaleIdle     = 2 * time.Minute // measured

	megabyte     = 1_000_000
	scaleMostRSS = 20 * megabyte
)

// BenchmarkScale runs colvind on one node and lldpd on another of the same kind,
// 64 ports each with a switch at its other end, and measures both over the same
// two minutes in which nothing happens but that the switches repeat themselves.
func BenchmarkScale(b *testing.B) {
	netnstest.Require(b, netnstest.NetNS, netnstest.RealLLDPD)
	if binaries.err != nil {
		b.Fatal(binaries.err)
	}
	withColvin, withLLDPD := newScaleNode(b, "colvin"), newScaleNode(b, "lldpd")
	if err := withColvin.WriteFile("/etc/colvin/colvind.yaml", "node: colvin\ninterfaces: [\"eth*\"]\n"); err != nil {
		b.Fatal(err)
	}
	if err := withColvin.StartAgent(b.Context()); err != nil {
		b.Fatal(err)
	}
	programs := []program{
		{"colvind", withColvin.AgentPID()},
		{"lldpd", startLLDPD(b, withLLDPD.Node, "eth*").Process.Pid},
	}
	stop := speak(b, withColvin.speakers, withLLDPD.speakers)
	b.Cleanup(stop)
	for b.Loop() {
		<-time.After(scaleWarmUp)
		before := usages(b, programs)
		<-time.After(scaleIdle)
		after := usages(b, programs)
		reportScale(b, programs, before, after)
	}
	withColvin.knowsAll(b, func() (string, error) { return withColvin.Colvin(b.Context(), "neighbors", "-o", "json") })
	withLLDPD.knowsAll(b, func() (string, error) { return lldpcli(b.Context(), withLLDPD.Node, "show", "neighbors") })
}

func reportScale(b *testing.B, programs []program, before, after []usage) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for i, p := range programs {
		u := after[i]
		u.cpu -= before[i].cpu
		b.Logf("%-8s %d process(es): %5.1f MB resident, %5.1f MB proportionally, %4d ms of processor time in %v",
			p.name, u.processes, float64(u.rss)/megabyte, float64(u.pss)/megabyte, u.cpu.Milliseconds(), scaleIdle)
		b.ReportMetric(float64(u.rss)/megabyte, "MB-"+p.name)
		report(b, "ms-cpu-"+p.name, u.cpu)
		after[i] = u
	}
	colvind, lldpd := after[0], after[1]
	if colvind.rss > scaleMostRSS {
		b.Errorf("colvind has %d octets resident, want %d at most", colvind.rss, scaleMostRSS)
	}
	if colvind.cpu > lldpd.cpu {
		b.Errorf("colvind used %v of processor time, want the %v of lldpd at most", colvind.cpu, lldpd.cpu)
	}
}

// A scaleNode is a node with a switch at the other end of each port.
type scaleNode struct {
	*lab.Node
	speakers []*speaker.Speaker
}

func newScaleNode(b *testing.B, name string) *scaleNode {
	b.Helper()
	far := netnstest.NewT(b, name+"-switches")
	node, err := lab.NewNode(b.Context(), name, binaries.Binaries)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = node.Close() })
	n := &scaleNode{Node: node}
	for i := range scalePorts {
		port := fmt.Sprint("p", i)
		netnstest.ConnectT(b, netnstest.Endpoint{In: node.Namespace, Name: fmt.Sprint("eth", i)}, netnstest.Endpoint{In: far, Name: port})
		n.speakers = append(n.speakers, openSpeaker(b, far, port))
	}
	return n
}

// openSpeaker opens a speaker that is closed with the test.
func openSpeaker(tb testing.TB, ns *netnstest.Namespace, port string) *speaker.Speaker {
	tb.Helper()
	var s *speaker.Speaker
	if err := ns.Do(func() (err error) { s, err = speaker.Open(port); return err }); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// knowsAll expects an answer in which each switch is named.
func (n *scaleNode) knowsAll(b *testing.B, ask func() (string, error)) {
	b.Helper()
	said, err := ask()
	if err != nil {
		b.Error(err)
	}
	unknown := 0
	for i := range n.speakers {
		if !regexp.MustCompile(`\b` + scaleFrame(i).SystemName + `\b`).MatchString(said) {
			unknown++
		}
	}
	if unknown > 0 {
		b.Errorf("%s does not know %d of its %d switches", n, unknown, len(n.speakers))
	}
}

// speak has each switch send its frame every scaleInterval, one after the other
// as switches do that know nothing of one another, until stop is called. The
// nodes take turns in being the first to wake up, which costs most.
func speak(b *testing.B, nodes ...[]*speaker.Speaker) (stop func()) {
	b.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(scaleInterval / scalePorts)
		defer tick.Stop()
		for n := 0; ; n++ {
			i := n % scalePorts
			for k := range nodes {
				if err := nodes[(n+k)%len(nodes)][i].Send(scaleFrame(i)); err != nil {
					b.Error(err)
				}
			}
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// scaleFrame is what a data-centre switch says: some 300 octets in a dozen TLVs.
func scaleFrame(i int) speaker.Frame {
	mac := discovery.MAC{2, 0, 0, 2, 0, byte(i)}
	return speaker.Frame{
		Source: mac, Chassis: speaker.MACChassis(mac), Port: speaker.NamedPort(fmt.Sprint("Ethernet1/", i)), TTL: scaleTTL,
		PortDescription:     "rack 12, node 7",
		SystemName:          fmt.Sprintf("leaf-%d.example.net", i),
		SystemDescription:   strings.Repeat("Example Networks switch, software 4.31.2F. ", 3),
		ManagementAddresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.MustParseAddr("2001:db8::1")},
		PVID:                uint16(100 + i),
		VLANs:               []discovery.VLANName{{ID: 300, Name: "storage"}, {ID: 301, Name: "backup"}},
	}
}

// A program is a daemon: a process and its children.
type program struct {
	name string
	pid  int
}

// usage is what a program has used of the machine.
type usage struct {
	processes int
	rss, pss  uint64 // octets; pss counts what processes share once
	cpu       time.Duration
}

func usages(b *testing.B, programs []program) []usage {
	b.Helper()
	all := make([]usage, len(programs))
	for i, p := range programs {
		for _, pid := range family(b, p.pid) {
			all[i].processes++
			all[i].rss += memory(b, pid, "Rss")
			all[i].pss += memory(b, pid, "Pss")
			all[i].cpu += processorTime(b, pid)
		}
	}
	return all
}

// memory reads one line of a process's smaps_rollup, in octets.
func memory(tb testing.TB, pid int, name string) uint64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		tb.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + `: +(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		tb.Fatalf("smaps_rollup of %d has no %s:\n%s", pid, name, text)
	}
	kilobytes, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return kilobytes << 10
}

// processorTime is utime and stime of /proc/PID/stat, but in nanoseconds: two
// idle daemons differ by less than the ticks that stat counts in.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	const sched = 2 // CPUCLOCK_SCHED of clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
		b.Fatalf("read processor time of %d: %v", pid, err)
	}
	return time.Duration(t.Nano())
}

// family is a process with its children.
func family(b *testing.B, pid int) []int {
	b.Helper()
	path := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	children, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	pids := []int{pid}
	for c := range strings.FieldsSeq(string(children)) {
		child, err := strconv.Atoi(c)
		if err != nil {
			b.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}
