// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"math"
	"testing"

	"github.com/colvin-net/colvin/discovery/link"
)

// The kernel this test runs on: every network namespace has a loopback device,
// and it is the first.
func TestHostKernel(t *testing.T) {
	k := New().kernel
	lo, err := k.ByIndex(1)
	if err != nil || lo.Name != "lo" {
		t.Errorf("first interface is %q (%v)", lo.Name, err)
	}
	if _, err := k.ByIndex(math.MaxInt32); !errors.Is(err, link.ErrNotFound) {
		t.Errorf("an interface that does not exist: %v", err)
	}
	if err := k.Delete(math.MaxInt32); !errors.Is(err, link.ErrNotFound) {
		t.Errorf("delete an interface that does not exist: %v", err)
	}
	if all, err := k.List(); err != nil || len(all) == 0 || all[0].Name != "lo" {
		t.Errorf("list: %v (%v)", all, err)
	}
	if boot, err := k.BootID(); err != nil || len(boot) != 36 {
		t.Errorf("boot ID %q (%v)", boot, err)
	}
}
