// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import "testing"

// Require skips the test where a feature is missing, saying how to get it, or
// fails it where RequireEnv names the feature.
func Require(tb testing.TB, features ...*Feature) {
	tb.Helper()
	for _, f := range features {
		err := f.Missing()
		switch {
		case err == nil:
		case f.required():
			tb.Fatalf("%v, and %s asks for it", err, RequireEnv)
		default:
			tb.Skip(err)
		}
	}
}

// NewT makes a namespace that is closed with the test.
func NewT(tb testing.TB, name string) *Namespace {
	tb.Helper()
	Require(tb, NetNS)
	ns, err := New(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	closeWith(tb, ns.Close)
	return ns
}

// NewSwitchT makes a switch that is closed with the test.
func NewSwitchT(tb testing.TB, cfg SwitchConfig) *Switch {
	tb.Helper()
	Require(tb, NetNS)
	if cfg.Speaker == LLDPD {
		Require(tb, RealLLDPD)
	}
	sw, err := NewSwitch(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	closeWith(tb, sw.Close)
	return sw
}

// ConnectT lays a cable. It goes with the namespaces of its ends.
func ConnectT(tb testing.TB, near, far Endpoint) *Cable {
	tb.Helper()
	c, err := Connect(tb.Context(), near, far)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func closeWith(tb testing.TB, closer func() error) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := closer(); err != nil {
			tb.Error(err)
		}
	})
}
