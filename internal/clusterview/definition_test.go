// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/clusterview"
)

func TestAskedBy(t *testing.T) {
	for annotation, want := range map[string][]clusterview.Asked{
		"":                       nil,
		"green":                  {{Namespace: "team-a", Name: "green"}},
		"green@net1, infra/blue": {{Namespace: "team-a", Name: "green", Interface: "net1"}, {Namespace: "infra", Name: "blue"}},
		"/green,,":               {{Namespace: "team-a", Name: "green"}},
		`[{"name": "green", "interface": "net1"}, {"name": "blue", "namespace": "infra", "ips": ["192.0.2.1/24"]}]`: {
			{Namespace: "team-a", Name: "green", Interface: "net1"}, {Namespace: "infra", Name: "blue"},
		},
	} {
		if diff := cmp.Diff(want, clusterview.AskedBy(annotation, "team-a")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", annotation, diff)
		}
	}
	if got := clusterview.AskedBy("green", ""); len(got) != 1 || got[0].String() != "default/green" {
		t.Errorf("without a namespace: %v", got)
	}
}

func TestNetworkOf(t *testing.T) {
	for name, tt := range map[string]struct{ config, want string }{
		"plugin":         {`{"type": "colvin", "network": "green"}`, "green"},
		"list":           {`{"plugins": [{"type": "bandwidth"}, {"type": "colvin", "network": "green"}]}`, "green"},
		"the same twice": {`{"plugins": [{"type": "colvin", "network": "green"}, {"type": "colvin", "network": "green"}]}`, "green"},
		"several":        {`{"plugins": [{"type": "colvin", "network": "green"}, {"type": "colvin", "network": "blue"}]}`, ""},
		"another plugin": {`{"type": "macvlan", "network": "green"}`, ""},
		"no network":     {`{"type": "colvin"}`, ""},
		"no name":        {`{"type": "colvin", "network": "../green"}`, ""},
		"no text":        {`{"type": "colvin", "network": 7}`, ""},
		"too long":       {`{"type": "colvin", "network": "` + strings.Repeat("a", 64) + `"}`, ""},
		"a number":       {`{"type": 7, "network": "green"}`, ""},
		"null":           {`{"plugins": [null]}`, ""},
		// The plugin refuses these: it reads keys as they are written.
		"folded network": {`{"type": "colvin", "Network": "green"}`, ""},
		"folded beside":  {`{"type": "colvin", "network": "green", "Network": "blue"}`, "green"},
		"folded type":    {`{"Type": "colvin", "network": "green"}`, ""},
		// Of equal keys the last counts, for both.
		"twice":            {`{"type": "colvin", "network": "green", "network": "blue"}`, "blue"},
		"twice, for null":  {`{"type": "colvin", "network": "green", "network": null}`, ""},
		"on the disk":      {``, ""},
		"nothing to speak": {`null`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := clusterview.NetworkOf(tt.config); got != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, config := range []string{`{`, `[]`, `{"plugins": {}}`} {
		if got, err := clusterview.NetworkOf(config); err == nil {
			t.Errorf("%s asks for %q", config, got)
		}
	}
}
