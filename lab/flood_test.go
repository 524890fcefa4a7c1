// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// What a flood may cost.
const (
	floodFrames    = 100_000
	floodMostRSS   = 5 * megabyte // more than before
	floodMostLines = 100          // in the log, and some for each second
)

// TestFloodOfNeighbors has 100,000 senders that exist for one frame each at the
// far end of a port with a real switch.
func TestFloodOfNeighbors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const chassis = 17 // offset
	b, writes := floodBench(t, func(frame []byte) { binary.BigEndian.PutUint32(frame[chassis+2:], rnd.Uint32()) })
	if writes > 2 { // when the port is in doubt, and when there are too many to be told apart
		t.Errorf("the node file was written %d times though nothing more in it changes", writes)
	}
	if n := b.logged("to=TooManyNeighbors"); n != 1 {
		t.Errorf("TooManyNeighbors was logged %d times, want once", n)
	}
	s, err := b.node.State(t.Context())
	b.ok(err)
	if got := s.Snapshot.Ports[0]; !got.TooManyNeighbors || !slices.ContainsFunc(got.Neighbors, func(n discovery.Neighbor) bool { return n.SystemName == "sw-green" }) {
		t.Errorf("port %+v, want too many neighbours, sw-green among them", got)
	}
	raised := 0
	for _, c := range s.View.Conditions {
		if c.Type == "TooManyNeighbors" {
			raised++
		}
	}
	if raised != 1 {
		t.Errorf("conditions %+v, want a single TooManyNeighbors", s.View.Conditions)
	}
}

// TestFloodOfChanges has the switch itself, or who poses as it, announce another
// VLAN with each of 100,000 frames.
func TestFloodOfChanges(t *testing.T) {
	floodBench(t, func(frame []byte) { frame[len(frame)-3] ^= 1 }) // the PVID, before End
}

// TestFloodOfRivals has somebody else beside the switch do so.
func TestFloodOfRivals(t *testing.T) {
	const chassis = 17 // offset
	b, _ := floodBench(t, func(frame []byte) {
		frame[chassis] = 2
		frame[len(frame)-3] ^= 1
	})
	b.awaitFor(3*time.Minute, "green alone", lab.Resolves("green", "eth1", nodefile.Fresh))
	b.attached("green")
}

// TestFloodOfComings has the switch say goodbye 50,000 times and come back.
func TestFloodOfComings(t *testing.T) {
	const ttl = 31 // offset of its low octet
	floodBench(t, func(frame []byte) { frame[ttl] ^= 60 })
}

// TestFloodOfRouters has 100,000 routers that exist for one advertisement each, with other
// prefixes in each, at the far end of a port with a real switch.
func TestFloodOfRouters(t *testing.T) {
	const most, prefixes = 2 * megabyte, 4
	b := newBench(t, rules)
	b.awaitGreen()
	s := openSpeaker(t, b.green.Namespace, "p1")
	rnd := rand.New(rand.NewPCG(1, 2))
	send := func(n int) {
		for range n {
			r := speaker.RouterAdvertisement{Router: discovery.Router{Lifetime: 1800, Address: netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 12: 1})}}
			binary.BigEndian.PutUint32(r.Source[2:], rnd.Uint32())
			r.Source[0] = 2
			for range prefixes {
				at := [16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8}
				binary.BigEndian.PutUint32(at[4:], rnd.Uint32())
				r.Prefixes = append(r.Prefixes, discovery.AdvertisedPrefix{Prefix: netip.PrefixFrom(netip.AddrFrom16(at), 64), OnLink: true, Valid: rnd.Uint32()})
			}
			frame, err := r.Marshal()
			b.ok(err)
			b.ok(s.SendRaw(frame))
		}
	}
	before, err := b.node.State(t.Context())
	b.ok(err)
	rss, start := memory(t, b.node.AgentPID(), "Rss"), time.Now()
	send(floodFrames)
	took := time.Since(start)
	after, err := b.node.State(t.Context())
	b.ok(err)
	grown := int(memory(t, b.node.AgentPID(), "Rss")) - int(rss)
	p := after.Snapshot.Ports[0]
	t.Logf("%d frames in %v: %d octets more resident, %d read, %d lost, node file written %d times",
		floodFrames, took, grown, p.RouterCounters.In, p.RouterCounters.Lost, after.Writes-before.Writes)
	if grown >= most {
		t.Errorf("the agent grew by %d octets, want less than %d", grown, most)
	}
	if after.Writes != before.Writes {
		t.Errorf("the node file was written %d times though nothing in it changes", after.Writes-before.Writes)
	}
	if !p.LostAt.IsZero() || len(p.Neighbors) != 1 {
		t.Errorf("of the switch: frames lost at %v, neighbours %+v", p.LostAt, p.Neighbors)
	}
	if n := b.logged("to=TooManyRouters"); n != 1 || !p.TooManyRouters || len(p.Routers) != 8 {
		t.Errorf("TooManyRouters was logged %d times, want once; %d routers, too many: %t", n, len(p.Routers), p.TooManyRouters)
	}
	if n := b.logged("to=RoutersContradict"); n != 1 {
		t.Errorf("RoutersContradict was logged %d times, want once", n)
	}
	b.attached("green")
}

// floodBench floods eth1 of a node, whose network is green, with what the switch
// says, which next changes each time, and holds what all floods have in common.
func floodBench(t *testing.T, next func([]byte)) (b *bench, writes uint64) {
	t.Helper()
	b = newBench(t, rules)
	b.awaitGreen()
	before, err := b.node.State(t.Context())
	b.ok(err)
	rss, lines, start := memory(t, b.node.AgentPID(), "Rss"), b.logged(""), time.Now()
	b.flood(next)
	took := time.Since(start)
	after, err := b.node.State(t.Context())
	b.ok(err)
	grown := int(memory(t, b.node.AgentPID(), "Rss")) - int(rss)
	writes = after.Writes - before.Writes
	newLines := b.logged("") - lines
	t.Logf("%d frames in %v: %d octets more resident, node file written %d times, %d lines logged", floodFrames, took, grown, writes, newLines)
	if grown >= floodMostRSS {
		t.Errorf("the agent grew by %d octets, want less than %d", grown, floodMostRSS)
	}
	seconds := int(took.Seconds()) + 1
	// Once a second what is new, and as often what is no longer true, either ten
	// times at once.
	if most := 2 * (10 + seconds); writes > uint64(most) {
		t.Errorf("the node file was written %d times in %v, want %d at most", writes, took, most)
	}
	if most := floodMostLines + 10*seconds; newLines > most {
		t.Errorf("%d lines were logged in %v, want %d at most", newLines, took, most)
	}
	b.refused("blue", codeTryAgain, codeNotHere) // whatever it said
	return b, writes
}

// flood sends until the agent has counted floodFrames more: some are lost where
// its socket is full.
func (b *bench) flood(next func([]byte)) {
	b.t.Helper()
	frame, err := speaker.Frame{
		Source: discovery.MAC{2, 0, 0, 9, 0, 0}, Chassis: speaker.MACChassis(b.green.ChassisMAC()), Port: speaker.NamedPort("p1"),
		TTL: time.Minute, SystemName: "sw-green", SystemDescription: "long enough that there is no padding", PVID: lab.GreenVLAN,
	}.Marshal()
	b.ok(err)
	s := openSpeaker(b.t, b.green.Namespace, "p1")
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	for end := b.framesIn(ctx) + floodFrames; b.framesIn(ctx) < end; {
		for range floodFrames / 10 {
			next(frame)
			b.ok(s.SendRaw(frame))
		}
	}
}

func (b *bench) framesIn(ctx context.Context) uint64 {
	b.t.Helper()
	s, err := b.node.State(ctx)
	b.ok(err)
	return s.Snapshot.Ports[0].Counters.FramesIn
}

// logged counts the lines of the agent's log that have a part.
func (b *bench) logged(part string) int {
	b.t.Helper()
	log, err := b.node.AgentLog()
	b.ok(err)
	n := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}
