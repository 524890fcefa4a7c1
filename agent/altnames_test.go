// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/altnames"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/mapping"
)

// A fakeKernel has one device.
type fakeKernel struct {
	mu     sync.Mutex
	device discovery.Interface
	refuse error // of every change
}

var _ altnames.Kernel = (*fakeKernel)(nil)

func (k *fakeKernel) List() ([]discovery.Interface, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.device
	out.AltNames = slices.Clone(out.AltNames)
	return []discovery.Interface{out}, nil
}

func (k *fakeKernel) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.device.AltNames)
}

func (k *fakeKernel) AddAltName(index int, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.refuse != nil:
		return k.refuse
	case index != k.device.Index:
		return link.ErrNotFound
	case slices.Contains(k.device.AltNames, name):
		return syscall.EEXIST
	}
	k.device.AltNames = append(k.device.AltNames, name)
	return nil
}

func (k *fakeKernel) RemoveAltName(index int, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.refuse != nil:
		return k.refuse
	case index != k.device.Index:
		return link.ErrNotFound
	}
	k.device.AltNames = slices.DeleteFunc(k.device.AltNames, func(n string) bool { return n == name })
	return nil
}

// allow has every change from now on fail with err, or not.
func (k *fakeKernel) allow(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuse = err
}

// TestAltNamesOfTheLoop shows the order of things: no name outlives its mapping, not
// even while the node file is held back, and none outlives the agent.
func TestAltNamesOfTheLoop(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.config.AltNames = true
		eth1 := discovery.Interface{Index: 2, Name: "eth1", MAC: macOf(2), Up: true, Carrier: true, CarrierChanges: 2} // as in the snapshots
		kernel := &fakeKernel{device: eth1}
		b.altNames = kernel
		b.write("rules.yaml", greenAndBlue)
		b.start()
		for range 2 * writeBurst {
			b.see(heard(sw1, 100))
			b.see(heard(sw1, 200)) // doubt
			if got := kernel.device.AltNames; len(got) != 0 {
				b.t.Fatalf("in doubt eth1 is called %v", got)
			}
		}
		b.stand(sw1, 100)
		if diff := cmp.Diff([]string{"green"}, kernel.device.AltNames); diff != "" {
			b.t.Errorf("names (-want +got):\n%s", diff)
		}
		kernel.device.AltNames = nil
		kernel.allow(syscall.EPERM)
		b.see(heard(sw1, 100)) // the snapshot shows no names
		if got := b.conditions(); len(got) != 1 || got[0] != mapping.AltNameFailed {
			b.t.Errorf("conditions %v, want AltNameFailed", got)
		}
		kernel.allow(nil)
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"green"}, kernel.device.AltNames); diff != "" {
			b.t.Errorf("a minute later (-want +got):\n%s", diff)
		}
		b.stop()
		if got := kernel.device.AltNames; len(got) != 0 {
			b.t.Errorf("after the agent eth1 is called %v", got)
		}
	})
}
