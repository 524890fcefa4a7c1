// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// obstruct keeps a file from being replaced, as a full disk would.
func obstruct(t *testing.T, path string) (free func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.RemoveAll(path + ".tmp"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldMemoryIsForgotten holds that a restarted agent has no older opinion than the
// plugin has read, where the memory could not be saved in between.
func TestOldMemoryIsForgotten(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.config.AltNames = true
		k := &fakeKernel{device: discovery.Interface{Index: 2, Name: "eth1", MAC: macOf(2), Up: true, Carrier: true, CarrierChanges: 2}}
		b.altNames = k
		b.start()
		b.see(heard(sw1, 100))
		free := obstruct(b.t, filepath.Join(b.config.RunDirectory, memoryFormat.Name))
		b.stand(sw1, 200)
		b.expect("another VLAN", "blue eth1 fresh")
		if err := b.end(); err == nil {
			b.t.Error("the memory is not kept, and nobody says so")
		}
		b.start()
		b.see()
		b.expect("not heard yet", "blue eth1 unverified")
		if slices.Contains(k.names(), "green") {
			b.t.Error("eth1 is called green")
		}
		free()
		b.see(heard(sw1, 200))
		b.expect("heard again", "blue eth1 fresh")
	})
}

// TestOlderMemory holds the same where the memory cannot even be removed.
func TestOlderMemory(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		path := filepath.Join(b.config.RunDirectory, memoryFormat.Name)
		older, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		b.stand(sw1, 200)
		b.expect("another VLAN", "blue eth1 fresh")
		b.stop()
		if err := os.WriteFile(path, older, 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.start()
		b.see()
		b.expect("not heard yet", "blue eth1 unverified")
		if got := b.conditions(); !slices.Equal(got, []mapping.ConditionType{mapping.StateDamaged}) {
			b.t.Errorf("conditions %v, want StateDamaged", got)
		}
		b.stop() // what is written at the end is as new as the node file
		b.start()
		b.see(heard(sw1, 200))
		b.expect("heard again", "blue eth1 fresh")
	})
}

// TestTrueNodeFileStays holds that a file is not removed which is right, because it
// could not be written once more.
func TestTrueNodeFileStays(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.start()
		b.see(heard(sw1, 100))
		free := obstruct(b.t, filepath.Join(b.config.RunDirectory, nodefile.FileName))
		if err := b.end(); err != nil {
			b.t.Error(err)
		}
		b.expect("at the end", "green eth1 fresh")
		free()
		b.start()
	})
}

// TestColourIsGivenAtLast holds that a colour which could not be kept is tried again
// though nothing happens.
func TestColourIsGivenAtLast(t *testing.T) {
	playAgent(t, func(b *bench) {
		free := obstruct(b.t, filepath.Join(b.config.StateDirectory, coloursName))
		b.start()
		b.see(heard(sw1, 100))
		b.expect("nothing can be kept")
		free()
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if got := b.file(); len(got) != 1 || len(b.conditions()) != 0 {
			b.t.Errorf("when there is room again: %v, %v", got, b.conditions())
		}
	})
}

// TestUnkeptChanges holds that changes which cannot be kept are a condition, though
// nothing happens after them, and are kept once they can be: soon, or at the end.
func TestUnkeptChanges(t *testing.T) {
	for _, soon := range []bool{true, false} {
		playAgent(t, func(b *bench) {
			b.write("rules.yaml", greenAndBlue)
			b.start()
			b.see(heard(sw1, 100))
			path := filepath.Join(b.config.StateDirectory, "changes.jsonl")
			if err := os.Rename(path, path+".away"); err != nil {
				b.t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				b.t.Fatal(err)
			}
			b.see(heard(sw1, 100), heard(sw2, 200))
			time.Sleep(2 * lookEvery)
			synctest.Wait()
			if len(b.conditions()) == 0 {
				b.t.Error("changes are not kept, and nobody is told")
			}
			if err := os.Remove(path); err != nil {
				b.t.Fatal(err)
			}
			if soon {
				time.Sleep(2 * lookEvery)
				synctest.Wait()
			} else {
				b.stop()
			}
			if st, err := os.Stat(path); err != nil || st.Size() == 0 {
				b.t.Errorf("soon %t: they are lost: %v", soon, err)
			}
			if !soon {
				b.start()
			}
		})
	}
}

// TestNameWaitsForNodeFile holds that no device is called what the node file does not
// say of it.
func TestNameWaitsForNodeFile(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.config.AltNames = true
		k := &fakeKernel{device: discovery.Interface{Index: 2, Name: "eth1", MAC: macOf(2), Up: true, Carrier: true, CarrierChanges: 2}}
		b.altNames = k
		free := obstruct(b.t, filepath.Join(b.config.RunDirectory, nodefile.FileName))
		b.start()
		b.see(heard(sw1, 100))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := k.names(); len(got) != 0 {
			b.t.Errorf("called %v, and there is no node file", got)
		}
		free()
		time.Sleep(2 * writeEvery)
		synctest.Wait()
		if b.expect("there is room", "green eth1 fresh"); !slices.Equal(k.names(), []string{"green"}) {
			b.t.Errorf("called %v, want green", k.names())
		}
	})
}

// A slowSink takes its time over each Step.
type slowSink struct {
	rest       func()
	took, wake []time.Time
}

func (s *slowSink) Take(now time.Time, step *Step) time.Duration {
	s.took, s.wake = append(s.took, now), append(s.wake, step.View.Wake)
	s.rest()
	return never
}

// TestWakeIsATime holds that what changes by itself is seen when it does, however long
// the sinks take.
func TestWakeIsATime(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", greenAndBlue)
		b.build()
		slow := &slowSink{rest: func() { time.Sleep(5 * time.Second) }}
		b.loop.sinks = append([]sink{slow}, b.loop.sinks...)
		ctx, cancel := context.WithCancel(b.t.Context())
		b.cancel, b.done = cancel, make(chan error, 1)
		go func() { b.done <- b.loop.Run(ctx) }()
		b.see(heard(sw1, 100))
		time.Sleep(6 * time.Second)
		b.see(heard(sw1, 200)) // on probation
		time.Sleep(time.Minute)
		synctest.Wait()
		woken := 0
		for i, wake := range slow.wake[:len(slow.wake)-1] {
			if wake.IsZero() {
				continue
			}
			woken++
			if late := slow.took[i+1].Sub(wake); late > time.Second {
				b.t.Errorf("%s late", late)
			}
		}
		if woken == 0 {
			b.t.Error("nothing had a time to change by itself")
		}
	})
}
