// SPDX-License-Identifier: Apache-2.0

package latest_test

import (
	"testing"

	"github.com/colvin-net/colvin/internal/latest"
)

func TestPut(t *testing.T) {
	c := make(chan int, 1)
	for _, tt := range []struct {
		name string
		put  []int
		want int
	}{
		{"one", []int{1}, 1},
		{"after one was taken", []int{2}, 2},
		{"several", []int{3, 4, 5}, 5},
	} {
		for _, v := range tt.put {
			latest.Put(c, v)
		}
		if got := <-c; got != tt.want || len(c) != 0 {
			t.Errorf("%s: took %d, and %d are left; want %d", tt.name, got, len(c), tt.want)
		}
	}
}
