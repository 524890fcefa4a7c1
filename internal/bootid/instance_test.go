// SPDX-License-Identifier: Apache-2.0

package bootid_test

import (
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestInstance holds that a network namespace that was made again is another instance of
// the same boot.
func TestInstance(t *testing.T) {
	boot, err := bootid.Read()
	if err != nil {
		t.Fatal(err)
	}
	instance := func(ns *netnstest.Namespace) (id string) {
		t.Helper()
		var of string
		err := ns.Do(func() (err error) {
			of, id, err = bootid.Instance()
			return err
		})
		if err != nil || of != boot || !strings.HasPrefix(id, boot+" netns ") {
			t.Fatalf("instance %q of boot %q, %v", id, of, err)
		}
		return id
	}
	first, second := netnstest.NewT(t, "node"), netnstest.NewT(t, "node")
	if a, again := instance(first), instance(first); a != again {
		t.Errorf("%q, and then %q", a, again)
	}
	if a, b := instance(first), instance(second); a == b {
		t.Errorf("both are %q", a)
	}
}
