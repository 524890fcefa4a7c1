// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/mapping"
)

// FuzzInput reads what an agent gone bad could store: the controller reads it for all
// nodes, so it must survive it. That a good one is read well is tested by the scenarios
// of package mapping.
func FuzzInput(f *testing.F) {
	objects, err := os.ReadFile(filepath.FromSlash("../../api/v1alpha1/testdata/objects.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for document := range strings.SplitSeq(string(objects), "\n---\n") {
		var object v1alpha1.NodeTopology
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			f.Fatal(err)
		}
		seed, err := json.Marshal(object.Spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var spec v1alpha1.NodeTopologySpec
		if json.Unmarshal(data, &spec) != nil {
			return
		}
		in, err := clusterview.Input(&spec, "node1", time.Unix(1e9, 0))
		if err != nil {
			return
		}
		v := mapping.Resolve(in)
		again := clusterview.NodeTopologySpec(&v, in.Snapshot, in.Memory)
		if _, err := clusterview.Input(&again, "node1", time.Unix(1e9, 0)); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

func TestInputRefused(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"index twice":      {`{"interfaces":[{"name":"a","index":1},{"name":"b","index":1}]}`, "read spec.interfaces[1] of NodeTopology node1: index 1 is used twice, or none"},
		"no index":         {`{"interfaces":[{"name":"a"}]}`, "read spec.interfaces[0] of NodeTopology node1: index 0 is used twice, or none"},
		"MAC address":      {`{"interfaces":[{"name":"a","index":1,"mac":"x"}]}`, `read spec.interfaces[0] of NodeTopology node1: parse MAC address "x": address x: invalid MAC address`},
		"switch not there": {`{"interfaces":[{"name":"a","index":1,"port":{"holder":{"switch":"mac:x"}}}]}`, `read spec.interfaces[0] of NodeTopology node1: port.holder: switch "mac:x" is not listed under spec.switches`},
		"capability": {
			`{"switches":[{"id":"x","capabilities":["flying"]}],"interfaces":[{"name":"a","index":1,"port":{"others":[{"switch":"x"}]}}]}`,
			`read spec.interfaces[0] of NodeTopology node1: port.others[0]: "flying" is no system capability`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var spec v1alpha1.NodeTopologySpec
			if err := json.Unmarshal([]byte(tt.spec), &spec); err != nil {
				t.Fatal(err)
			}
			if _, err := clusterview.Input(&spec, "node1", time.Now()); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestInputSilence holds that no time is made up: a node does not tell since when it listens.
func TestInputSilence(t *testing.T) {
	spec := v1alpha1.NodeTopologySpec{Interfaces: []v1alpha1.Interface{{Name: "eth1", Index: 2, Up: true, Carrier: true, Port: &v1alpha1.Port{Silent: true}}}}
	now := time.Unix(1e9, 0)
	in, err := clusterview.Input(&spec, "node1", now)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := mapping.Silent(in.Snapshot, in.Snapshot.Interfaces[0], now)
	want := mapping.Silence{Cause: mapping.NothingHeard, Message: "nothing has been heard on eth1 since Colvin began to listen; check that LLDP is enabled on the switch port"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("silence (-want +got):\n%s", diff)
	}
}
