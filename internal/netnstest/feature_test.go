// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"errors"
	"testing"
)

// TestMissing holds what a test says that is skipped: hack/gotest reads it.
func TestMissing(t *testing.T) {
	absent := func() error { return errors.New("it is not there") }
	there := func() error { return nil }
	for _, tt := range []struct {
		name, required, want string
		feature              *Feature
	}{
		{name: "there", feature: NewFeature("bonding", testVM, there)},
		{name: "absent", feature: NewFeature("lldpd", "", absent), want: "lldpd is missing: it is not there"},
		{
			name: "absent, with a target", feature: NewFeature("bonding", testVM, absent),
			want: "bonding is missing: it is not there; make test-vm runs the tests that need it",
		},
		{
			name: "there, on request", feature: NewFeature("kubernetes", "make test-cluster", there).OnRequest(), required: "netns",
			want: "kubernetes is missing: COLVIN_REQUIRE does not name it; make test-cluster runs the tests that need it",
		},
		{name: "there and requested", feature: NewFeature("kubernetes", "make test-cluster", there).OnRequest(), required: "netns,kubernetes"},
		{
			name: "absent and requested", feature: NewFeature("kubernetes", "make test-cluster", absent).OnRequest(), required: "kubernetes",
			want: "kubernetes is missing: it is not there; make test-cluster runs the tests that need it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(RequireEnv, tt.required)
			got := ""
			if err := tt.feature.Missing(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
