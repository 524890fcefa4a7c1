// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The networks of these tests.
var (
	idGreen = mapping.Identity{Switch: "mac:" + sw1, VLAN: 100}
	idBlue  = mapping.Identity{Switch: "mac:" + sw2, VLAN: 200}
)

func macOf(index int) discovery.MAC { return discovery.MAC{2, 0, 0, 0, 0, byte(index)} }

func recordLink(name string, index int) record.Link {
	return record.Link{Name: name, Index: index, MAC: macOf(index).String()}
}

// ownMount is the mount namespace of this program, as the plugin records its own.
func ownMount(t *testing.T) uint64 {
	t.Helper()
	var own syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/mnt", &own); err != nil {
		t.Skip("needs /proc:", err)
	}
	return own.Ino
}

// attach records a container on eth1 of green as the plugin does.
func (b *bench) attach(container string, netns record.Netns) {
	b.t.Helper()
	b.keep(b.record(container, netns))
}

func (b *bench) record(container string, netns record.Netns) *record.Record {
	return &record.Record{
		Key: record.Key{Name: "conf", ContainerID: container, IfName: "net1"}, Phase: record.Added, Time: time.Now(), BootID: b.boot, Netns: netns,
		Pod: record.Pod{Namespace: "default", Name: "web-0"}, Network: "green", Identity: string(idGreen.Key()), Device: recordLink("eth1", 2), Port: recordLink("eth1", 2),
		DelegateType: "macvlan", DelegateConf: []byte("{}"),
	}
}

func (b *bench) keep(r *record.Record) {
	b.t.Helper()
	s, err := record.Open(b.config.RecordDirectory)
	if err != nil {
		b.t.Fatal(err)
	}
	l, err := s.Lock(b.t.Context(), r.Key)
	if err == nil {
		err = errors.Join(l.Write(r), l.Unlock())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// attached is attach with a Loop that sees it.
func (b *bench) attached(netns record.Netns) {
	b.t.Helper()
	b.attach("c1", netns)
	b.readRecords()
}

func (b *bench) readRecords() {
	b.records.reload()
	synctest.Wait()
}

func (b *bench) moved() []nodefile.Moved {
	b.t.Helper()
	f, err := nodefile.Read(filepath.Join(b.config.RunDirectory, nodefile.FileName))
	if err != nil {
		b.t.Fatal(err)
	}
	return f.Moved
}

func (b *bench) statuses() (out []agentapi.ContainerStatus) {
	b.t.Helper()
	for _, a := range b.state().Attachments {
		out = append(out, a.Status)
	}
	return out
}

// history is what was recorded since the agent started, in short.
func (b *bench) history(kinds ...agentapi.ChangeKind) (out []string) {
	b.t.Helper()
	c, err := b.loop.Changes(time.Time{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, k := range c.Changes {
		if slices.Contains(kinds, k.What) {
			out = append(out, strings.Join([]string{string(k.What), k.Pod, k.Network, k.From + " -> " + k.To}, "|"))
		}
	}
	return out
}

func TestMovedAndBack(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		var log bytes.Buffer
		b.log = slog.New(slog.NewTextHandler(&log, nil))
		b.start()
		b.see(heard(sw1, 100))
		b.attached(record.Netns{})
		if diff := cmp.Diff([]agentapi.ContainerStatus{agentapi.ContainerOK}, b.statuses()); diff != "" || b.moved() != nil {
			b.t.Errorf("attached: %s, moved %v", diff, b.moved())
		}
		b.see(heard(sw1, 200))
		if diff := cmp.Diff([]agentapi.ContainerStatus{agentapi.ContainerUnverified}, b.statuses()); diff != "" || b.moved() != nil {
			b.t.Errorf("on probation: %s, moved %v", diff, b.moved())
		}
		b.stand(sw1, 200)
		to := string(mapping.Identity{Switch: "mac:" + sw1, VLAN: 200}.Key())
		want := []nodefile.Moved{{Key: nodefile.Key{Name: "conf", ContainerID: "c1", IfName: "net1"}, Identity: to, Neighbor: "leaf-1 mac:" + sw1 + " port ifname:p1"}}
		if diff := cmp.Diff(want, b.moved(), cmpopts.IgnoreFields(nodefile.Moved{}, "Since")); diff != "" {
			b.t.Fatalf("moved (-want +got):\n%s", diff)
		}
		if age := time.Since(b.moved()[0].Since); age < 0 || age > 35*time.Second {
			b.t.Errorf("moved %v ago", age)
		}
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.AttachmentMoved}) {
			b.t.Errorf("conditions %v, want AttachmentMoved", got)
		}
		b.stand(sw1, 200) // that it held the port for a minute is written down once
		writes := b.state().Writes
		for range 10 {
			time.Sleep(30 * time.Second)
			b.see(heard(sw1, 200))
		}
		if got := b.state().Writes; got != writes {
			b.t.Errorf("%d writes while nothing happens", got-writes)
		}
		b.see(heard(sw1, 100))
		b.stand(sw1, 100)
		if diff := cmp.Diff([]agentapi.ContainerStatus{agentapi.ContainerOK}, b.statuses()); diff != "" || b.moved() != nil || len(b.conditions()) != 0 {
			b.t.Errorf("back: %s, moved %v, conditions %v", diff, b.moved(), b.conditions())
		}
		pod := "pod|default/web-0|green|"
		green, blue := "green ("+idGreen.String()+")", "blue ("+identity.Key(to).Named()+")"
		if diff := cmp.Diff([]string{pod + green + " -> " + blue, pod + blue + " -> " + green}, b.history(agentapi.ChangePod)); diff != "" {
			b.t.Errorf("history (-want +got):\n%s", diff)
		}
		for _, line := range []string{"level=WARN msg=change what=pod network=green interface=eth1 pod=default/web-0", "level=INFO msg=change what=pod network=green interface=eth1 pod=default/web-0"} {
			if strings.Count(log.String(), line) != 1 {
				b.t.Errorf("not logged once: %s\n%s", line, log.String())
			}
		}
	})
}

// TestMovedWhileAgentRestarts holds that the plugin is told all the time.
func TestMovedWhileAgentRestarts(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw2, 200))
		b.attached(record.Netns{})
		if len(b.moved()) != 1 {
			b.t.Errorf("moved: %v, want one", b.moved())
		}
		b.stop()
		b.start()
		b.see()
		if len(b.moved()) != 1 {
			b.t.Errorf("moved after a restart, with a silent switch: %v, want one", b.moved())
		}
		if got := b.history(agentapi.ChangeAgent); len(got) != 2 {
			b.t.Errorf("history: %v, want two starts", got)
		}
	})
}

// TestMovedSinceSurvivesRestart holds that a container moved once, however often the
// agent starts.
func TestMovedSinceSurvivesRestart(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		b.attached(record.Netns{})
		b.see(heard(sw1, 200))
		b.stand(sw1, 200)
		first := b.moved()
		for range 2 {
			time.Sleep(time.Hour)
			b.stop()
			b.start()
			b.see()
			b.see(heard(sw1, 200))
			if diff := cmp.Diff(first, b.moved()); diff != "" {
				b.t.Errorf("moved after a restart (-before +after):\n%s", diff)
			}
		}
		if got := b.history(agentapi.ChangePod); len(got) != 1 {
			b.t.Errorf("history: %v, want one move", got)
		}
		b.stop()
		b.boot = "boot-2"
		b.start()
		b.see(heard(sw1, 200))
		if got := b.moved(); got != nil {
			b.t.Errorf("moved after a reboot: %v", got)
		}
	})
}

func TestRegroupedThenRenamed(t *testing.T) {
	group := func(name string) string {
		return "switchGroups:\n  dc1:\n    match: [{system: \"leaf-*\"}]\n    vlans: {100: " + name + ", 200: blue}\n"
	}
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		b.attached(record.Netns{})
		for _, rules := range []string{group("green"), group("prod"), greenAndBlue, group("prod")} {
			b.write("rules.yaml", rules)
			b.readRules()
			b.see(heard(sw1, 100))
			if diff := cmp.Diff([]agentapi.ContainerStatus{agentapi.ContainerOK}, b.statuses()); diff != "" || b.moved() != nil {
				b.t.Errorf("%s\n%s, moved %v", rules, diff, b.moved())
			}
		}
	})
}

// seeBond sends a snapshot of bond0 on eth1 and eth2, with what is heard there; nil
// where there is no carrier.
func (b *bench) seeBond(members ...*discovery.Neighbor) {
	s := &discovery.Snapshot{Time: time.Now(), Interfaces: []discovery.Interface{{
		Index: 5, Name: "bond0", Kind: "bond", MAC: macOf(2), Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
		Bond: &discovery.Bond{Mode: discovery.BondLACP, Aggregator: 1},
	}}}
	for i, n := range members {
		leg := discovery.Interface{
			Index: i + 2, Name: fmt.Sprint("eth", i+1), MAC: macOf(i + 2), Ethernet: true, Up: true, Carrier: n != nil, CarrierChanges: 1, Master: 5,
			BondMember: &discovery.BondMember{Active: n != nil, Up: n != nil, Aggregator: 1},
		}
		if leg.Carrier {
			leg.CarrierChanges = 2
		}
		port := discovery.Port{Index: leg.Index, Name: leg.Name, Epoch: leg.Epoch(), Since: time.Now()}
		if n != nil {
			port.Neighbors = []discovery.Neighbor{*n}
		}
		s.Interfaces, s.Ports = append(s.Interfaces, leg), append(s.Ports, port)
	}
	b.snapshots.see(s)
	synctest.Wait()
}

// TestMLAGLegComesLater has a container attached while one switch of two was away. The
// first one may then go.
func TestMLAGLegComesLater(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		leaf1 := func() *discovery.Neighbor { n := heard(sw1, 100); return &n }
		leaf2 := func() *discovery.Neighbor { n := heard(sw2, 100); n.SystemName = "leaf-2"; return &n }
		b.seeBond(leaf1(), nil)
		r := b.record("c1", record.Netns{})
		r.Network, r.Device = colourOf1(b), recordLink("bond0", 5)
		b.keep(r)
		b.readRecords()
		time.Sleep(time.Minute)
		b.seeBond(leaf1(), leaf2())
		time.Sleep(time.Hour)
		b.seeBond(leaf1(), leaf2())
		b.seeBond(nil, leaf2())
		if diff := cmp.Diff([]agentapi.ContainerStatus{agentapi.ContainerOK}, b.statuses()); diff != "" || b.moved() != nil {
			b.t.Errorf("only the peer is left: %s, moved %v", diff, b.moved())
		}
	})
}

// TestMoveOfTrunkIsRecorded holds that the networks of a trunk, which change all at
// once, leave room for what its containers are told of.
func TestMoveOfTrunkIsRecorded(t *testing.T) {
	trunk := func(chassis string, pvid uint16) discovery.Neighbor {
		n := heard(chassis, pvid)
		for v := uint16(1000); v < 1060; v++ {
			n.VLANs = append(n.VLANs, discovery.VLANName{ID: v, Name: fmt.Sprint("v", v)})
		}
		return n
	}
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(trunk(sw1, 100))
		b.attached(record.Netns{})
		time.Sleep(time.Hour)
		b.see(trunk(sw1, 100))
		i := discovery.Interface{Index: 2, Name: "eth1", MAC: macOf(2), Ethernet: true, Up: true}
		for _, s := range []struct {
			carrier uint32
			heard   []discovery.Neighbor
		}{{3, nil}, {4, nil}, {4, []discovery.Neighbor{trunk(sw2, 200)}}, {4, []discovery.Neighbor{trunk(sw2, 200)}}} {
			for i := range s.heard {
				s.heard[i].FirstHeard, s.heard[i].LastHeard = time.Now(), time.Now()
			}
			i.Carrier, i.CarrierChanges = s.carrier%2 == 0, s.carrier
			b.snapshots.see(&discovery.Snapshot{Time: time.Now(), Interfaces: []discovery.Interface{i}, Ports: []discovery.Port{
				{Index: 2, Name: "eth1", Epoch: i.Epoch(), Since: time.Now(), Neighbors: s.heard},
			}})
			synctest.Wait()
			time.Sleep(31 * time.Second)
		}
		want := []string{"condition||| -> TrunkExposed", "condition||| -> StaleSoon", "condition|||StaleSoon -> ", "condition||| -> Conflict", "condition||| -> SwitchReplaced", "condition||green| -> AttachmentMoved", "condition|||Conflict -> ", "pod|default/web-0|green|green (" + idGreen.String() + ") -> blue (" + idBlue.String() + ")"}
		if got := b.history(agentapi.ChangeOmitted); len(got) == 0 {
			b.t.Error("nothing was left out, so this tests nothing")
		}
		if diff := cmp.Diff(want, b.history(agentapi.ChangePod, agentapi.ChangeCondition)); diff != "" {
			b.t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestOrphanedRecord(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		netns := filepath.Join(b.t.TempDir(), "netns")
		b.attached(record.Netns{Path: netns, Mount: ownMount(b.t)})
		if got := b.conditions(); len(got) != 0 {
			b.t.Errorf("conditions %v, want none: the runtime may be about to call DEL", got)
		}
		time.Sleep(time.Minute + time.Second) // without anything heard
		synctest.Wait()
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.OrphanedRecords}) {
			b.t.Errorf("conditions %v, want OrphanedRecords", got)
		}
		if err := os.RemoveAll(b.config.RecordDirectory); err != nil {
			b.t.Fatal(err)
		}
		b.readRecords()
		if got := b.conditions(); len(got) != 0 || len(b.statuses()) != 0 {
			b.t.Errorf("after gc: conditions %v, attachments %v", got, b.statuses())
		}
	})
}

// TestStuckRecord has a DEL fail for a minute: the runtime may try again until then, and
// the agent wakes by itself.
func TestStuckRecord(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		r := b.record("c1", record.Netns{})
		r.Unwanted, r.Stuck = time.Now(), "host-local DEL: no"
		b.keep(r)
		b.readRecords()
		if got := b.conditions(); len(got) != 0 || !slices.Equal(b.statuses(), []agentapi.ContainerStatus{agentapi.ContainerDeleting}) {
			b.t.Errorf("conditions %v, statuses %v, want none and deleting", got, b.statuses())
		}
		time.Sleep(time.Minute + time.Second) // without anything heard
		synctest.Wait()
		want := []mapping.ConditionType{mapping.OrphanedRecords}
		if got := b.conditions(); !slices.Equal(got, want) || !slices.Equal(b.statuses(), []agentapi.ContainerStatus{agentapi.ContainerStuck}) {
			b.t.Errorf("conditions %v, statuses %v, want %v and stuck", got, b.statuses(), want)
		}
	})
}

func TestDamagedRecords(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		b.attached(record.Netns{})
		if err := os.WriteFile(filepath.Join(b.config.RecordDirectory, "x.json"), []byte("{"), 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.readRecords()
		b.expect("the rest goes on", "green eth1 fresh")
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.RecordsUnreadable}) || len(b.statuses()) != 1 {
			b.t.Errorf("conditions %v, attachments %v", got, b.statuses())
		}
	})
}
