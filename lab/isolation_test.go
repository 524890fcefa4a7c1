// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestPluginsIsolation has green untagged on a port on which the rules declare storage
// tagged: strict isolation refuses a macvlan there, and else the operator is told who can
// reach what.
func TestPluginsIsolation(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	strict := r.stdin(hostLocal).with("isolation", "strict")
	refused := r.pod(strict)
	_, err := refused.Add(t.Context())
	if code, msg := r.refusal(err); code != codeUnsafe || !strings.Contains(msg, `"isolation" in the configuration is strict`) {
		t.Errorf("got error %d %q, want %d for isolation", code, msg, codeUnsafe)
	}
	r.clean()

	p := r.pod(r.stdin(hostLocal))
	_, err = p.Add(t.Context())
	r.ok(err)
	r.await(func(s *agentapi.State) string {
		for _, c := range s.View.Conditions {
			if c.Type == mapping.TrunkExposed && c.Interface == "eth1" && strings.Contains(c.Message, "(net1)") {
				return ""
			}
		}
		return "no TrunkExposed"
	})
	for _, args := range [][]string{{"attachments"}, {"explain", "eth1"}} {
		said, err := r.Colvin(t.Context(), args...)
		r.ok(err)
		if !strings.Contains(said, "TrunkExposed") {
			t.Errorf("colvin %q does not say who is exposed:\n%s", args, said)
		}
	}
	r.ok(p.Del(t.Context()))
	r.clean()

	const file = "/etc/colvin/colvind.yaml"
	config, err := os.ReadFile(r.Path(file))
	r.ok(err)
	r.ok(r.StopAgent())
	r.ok(r.WriteFile(file, string(config)+"\nisolation: strict\n"))
	r.startAgent()
	r.ok(r.Await(t.Context(), "strict isolation", func(f *nodefile.File) bool {
		return f.Isolation == nodefile.IsolationStrict && len(f.Lookup("green")) > 0
	}))
	r.ready()
	p = r.pod(r.stdin(hostLocal))
	_, err = p.Add(t.Context())
	if code, msg := r.refusal(err); code != codeUnsafe || !strings.Contains(msg, "isolation in colvind.yaml is strict") {
		t.Errorf("got error %d %q, want %d for isolation", code, msg, codeUnsafe)
	}
	p = r.pod(strict.with("isolation", "off"))
	_, err = p.Add(t.Context())
	r.ok(err)
	r.ok(p.Del(t.Context()))
	r.clean()
}
