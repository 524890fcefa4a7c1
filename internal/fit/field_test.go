// SPDX-License-Identifier: Apache-2.0

package fit_test

import (
	"testing"

	"github.com/colvin-net/colvin/internal/fit"
)

func TestBound(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"leaf", "leaf"},
		{"leaf-1", "leaf"},
		{"überlänge", "über"},
		{"a\xff\xfeb", "a\ufffdb"},
		{"ab\xffcde", "ab\ufffdc"},
	} {
		if got := fit.Bound(tt.in, 4); got != tt.want {
			t.Errorf("Bound(%q, 4) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestFew(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{nil, ""},
		{[]string{"eth0", "eth1"}, "eth0,eth1"},
		{[]string{"eth0", "eth10"}, "eth0,eth10"},
		{[]string{"eth0", "eth1", "eth2"}, "eth0,..."},
		{[]string{"0", "1", "2", "3", "4", "5"}, "0,1,2,..."},
		{[]string{"longer than that", "eth0"}, ",..."},
	} {
		if got := fit.Few(tt.words, 10); got != tt.want {
			t.Errorf("Few(%q, 10) = %q, want %q", tt.words, got, tt.want)
		}
	}
}
