// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link/linktest"
)

// addresses are global ones that stay.
func addresses(prefixes ...string) (out discovery.Addresses) {
	for _, p := range prefixes {
		out.Known = append(out.Known, discovery.Address{Prefix: netip.MustParsePrefix(p)})
	}
	return out
}

// A kernel has the IP addresses of a node.
type kernel struct {
	mu    sync.Mutex
	of    map[int]discovery.Addresses
	asked int
	hints chan struct{}
}

func (k *kernel) list() (map[int]discovery.Addresses, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return k.of, nil
}

// set gives the node other addresses, and hints.
func (k *kernel) set(of map[int]discovery.Addresses) {
	k.mu.Lock()
	k.of = of
	k.mu.Unlock()
	select {
	case k.hints <- struct{}{}:
	default:
	}
}

func (k *kernel) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

// addressed runs a test on a node with eth1 and those addresses.
func addressed(of map[int]discovery.Addresses, test func(*bench, *kernel)) func(*testing.T) {
	return func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		k := &kernel{of: of, hints: make(chan struct{}, 1)}
		b.config.Addresses, b.config.AddressHints = k.list, k.hints
		b.start()
		defer b.stop()
		<-b.observer.Updates()
		test(b, k)
	}
}

// addressesNow are those of a Snapshot's interface.
func (b *bench) addressesNow(index int) discovery.Addresses {
	i, _ := b.observer.Snapshot().Interface(index)
	return discovery.Addresses{Known: i.Addresses, Omitted: i.AddressesOmitted}
}

func (b *bench) expectAddresses(when string, index int, want discovery.Addresses) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.addressesNow(index), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// news reports whether there is a Snapshot that nobody has seen.
func (b *bench) news() bool {
	synctest.Wait()
	select {
	case <-b.observer.Updates():
		return true
	default:
		return false
	}
}

// TestAddressesFollowed holds that what changes is news soon, and that a node with as many
// changes as you like lists its addresses once a second.
func TestAddressesFollowed(t *testing.T) {
	first, then := addresses("192.0.2.1/24"), addresses("192.0.2.1/24", "2001:db8::1/64")
	then.Omitted = 3
	synctest.Test(t, addressed(map[int]discovery.Addresses{2: first}, func(b *bench, k *kernel) {
		b.expectAddresses("at first", 2, first)
		time.Sleep(10 * time.Second)
		k.set(map[int]discovery.Addresses{2: then})
		time.Sleep(100 * time.Millisecond)
		b.expectAddresses("after a change", 2, then)
		if !b.news() {
			t.Error("a change is no news")
		}
		k.set(map[int]discovery.Addresses{})
		time.Sleep(time.Second)
		b.expectAddresses("when they are gone", 2, discovery.Addresses{})
		if !b.news() {
			t.Error("that they are gone is no news")
		}
		before := k.count()
		for i := range 10_000 {
			k.set(map[int]discovery.Addresses{2: addresses([]string{"192.0.2.1/24", "192.0.2.2/24"}[i%2])})
			time.Sleep(time.Millisecond)
		}
		if n := k.count() - before; n > 11 {
			t.Errorf("listed %d times in 10 s", n)
		}
	}))
}

// TestRenewal holds that a renewed lease is no news, but the first time after the cable was
// plugged in, and that a Snapshot has its times all the same.
func TestRenewal(t *testing.T) {
	lease := func(updated time.Time) discovery.Addresses {
		a := addresses("192.0.2.1/24")
		a.Known[0].Dynamic, a.Known[0].Updated, a.Known[0].ValidUntil = true, updated, updated.Add(time.Hour)
		return a
	}
	synctest.Test(t, func(t *testing.T) {
		addressed(map[int]discovery.Addresses{2: lease(time.Now().Add(-time.Minute))}, func(b *bench, k *kernel) {
			renew := func(what string, want bool) {
				t.Helper()
				time.Sleep(10 * time.Second)
				k.set(map[int]discovery.Addresses{2: lease(time.Now())})
				time.Sleep(time.Second)
				if got := b.news(); got != want {
					t.Errorf("%s: news %t, want %t", what, got, want)
				}
				b.expectAddresses(what, 2, k.of[2])
			}
			renew("first renewal since the agent listens", true)
			renew("another one", false)
			b.links.SetCarrier(2, false)
			b.links.SetCarrier(2, true)
			time.Sleep(time.Second)
			b.news()
			renew("first renewal after a lost carrier", true)
			renew("another one after that", false)
		})(t)
	})
}

// TestAddressesOfAnother holds that a device has not the addresses of the one that had its
// ifindex before, and gets its own though nothing hints any more.
func TestAddressesOfAnother(t *testing.T) {
	old, own := addresses("192.0.2.1/24"), addresses("198.51.100.1/24")
	synctest.Test(t, addressed(map[int]discovery.Addresses{2: old}, func(b *bench, k *kernel) {
		b.links.Remove(2)
		b.links.Set(hardware(2, "eth1"))
		time.Sleep(100 * time.Millisecond)
		b.expectAddresses("of the new device", 2, discovery.Addresses{})
		k.mu.Lock()
		k.of = map[int]discovery.Addresses{2: own}
		k.mu.Unlock()
		time.Sleep(2 * time.Second)
		b.expectAddresses("of the new device, a moment later", 2, own)
	}))
}

// TestAddressesBeforeInterface lists addresses of an interface before that is known.
func TestAddressesBeforeInterface(t *testing.T) {
	own := addresses("198.51.100.1/24")
	synctest.Test(t, addressed(nil, func(b *bench, k *kernel) {
		time.Sleep(10 * time.Second)
		k.set(map[int]discovery.Addresses{3: own})
		time.Sleep(100 * time.Millisecond)
		b.links.Set(hardware(3, "eth2"))
		time.Sleep(2 * time.Second)
		b.expectAddresses("of the new device", 3, own)
	}))
}

// TestDevicesOfContainers holds that what changes of them alone is listed once in five
// seconds, however often it does, that their addresses are no news, and that neither keeps
// the change of a port waiting.
func TestDevicesOfContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hardware(2, "eth1"))
		devices, k := &countedList{Links: b.links}, &kernel{hints: make(chan struct{}, 1)}
		b.config.Links, b.config.Addresses, b.config.AddressHints = devices, k.list, k.hints
		b.start()
		defer b.stop()
		time.Sleep(10 * time.Second)
		b.news()
		before := devices.lists.Load()
		for i := range 2000 { // a hundred come and go in a second
			pod := discovery.Interface{Index: 100 + i%50, Name: fmt.Sprint("veth", i), Kind: discovery.KindVETH, Ethernet: true, Up: true, Carrier: true}
			b.links.SetAside(pod)
			k.set(map[int]discovery.Addresses{100: addresses(fmt.Sprintf("192.0.2.%d/32", i%200+1))})
			time.Sleep(10 * time.Millisecond)
		}
		if n := devices.lists.Load() - before; n < 3 || n > 5 {
			t.Errorf("devices were listed %d times in 20 s", n)
		}
		time.Sleep(5*time.Second + 100*time.Millisecond)
		if n := len(b.observer.Snapshot().Interfaces); n != 51 {
			t.Errorf("%d interfaces are seen, want 51", n)
		}
		b.news()
		k.set(map[int]discovery.Addresses{100: addresses("192.0.2.250/32")})
		time.Sleep(2 * time.Second)
		if b.news() {
			t.Error("an address of a container's device is news")
		}
		b.links.SetAside(discovery.Interface{Index: 99, Name: "veth99", Kind: discovery.KindVETH, Ethernet: true})
		b.links.SetCarrier(2, false)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if b.observer.Snapshot().Interfaces[0].Carrier {
			t.Error("a carrier that was lost has to wait")
		}
	})
}

// A countedList is a kernel that counts how often its devices are listed.
type countedList struct {
	*linktest.Links
	lists atomic.Int32
}

func (c *countedList) List() ([]discovery.Interface, error) {
	c.lists.Add(1)
	return c.Links.List()
}
