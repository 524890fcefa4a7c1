// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
)

// TestPluginsBundle packs what a node with a pod knows, and looks for it in what is to be
// without addresses and names.
func TestPluginsBundle(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	p := r.pod(r.stdin(hostLocal))
	_, err := p.Add(t.Context())
	r.ok(err)
	r.await(func(s *agentapi.State) string {
		if len(s.Attachments) == 1 {
			return ""
		}
		return "no attachment"
	})
	s, err := r.State(t.Context())
	r.ok(err)
	n := s.Snapshot.Ports[0].Neighbors[0]
	originals := []string{
		s.Node, p.String(), p.NetNS(), n.SystemName, strings.TrimPrefix(string(n.Chassis), "mac:"), n.Source.String(),
		s.Snapshot.Interfaces[1].MAC.String(), s.BootID, "10.10.0.",
	}
	for name, args := range map[string][]string{"/run/plain.tar.gz": nil, "/run/scrubbed.tar.gz": {"--scrub"}} {
		_, err := r.Colvin(t.Context(), append([]string{"bundle", name}, args...)...)
		r.ok(err)
		all := r.unpack(name)
		for _, part := range []string{"\nstate.json\n", "\nnetworks.json\n", "\nrecords/001.json\n", "\nexplain/eth1.txt\n", "green", "Nothing is missing."} {
			if !strings.Contains(all, part) {
				t.Errorf("%s has no %q:\n%s", name, part, all)
			}
		}
		for _, o := range originals {
			if i := strings.Index(all, o); (i >= 0) == (args != nil) {
				t.Errorf("%s: %q at %d:\n%s", name, o, i, all[max(0, i-200):min(len(all), max(0, i)+100)])
			}
		}
	}
}

// unpack returns the files of a bundle, each below its name.
func (r *pluginRig) unpack(name string) string {
	r.t.Helper()
	f, err := os.Open(r.Path(name))
	r.ok(err)
	defer func() { _ = f.Close() }() // read only
	z, err := gzip.NewReader(f)
	r.ok(err)
	var all strings.Builder
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		r.ok(err)
		data, err := io.ReadAll(archive)
		r.ok(err)
		all.WriteString("\n" + strings.TrimPrefix(h.Name, "colvin-bundle/") + "\n" + string(data))
	}
}
