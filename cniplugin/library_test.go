// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"
)

// What the CNI module says before the plugin has a word is in docs/troubleshooting.md, too.
func TestWordsOfLibrary(t *testing.T) {
	for _, tt := range []struct{ ifname, stdin, want string }{
		{"a-name-too-long-0", `{"cniVersion":"1.1.0","name":"green"}`, "interface name is too long; interface name should be less than 16 characters"},
		{"net1", `{"cniVersion":"2.0.0","name":"green"}`, `incompatible CNI versions; config is "2.0.0", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`},
	} {
		t.Setenv("CNI_IFNAME", tt.ifname)
		for name, value := range map[string]string{"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/netns", "CNI_PATH": "/none"} {
			t.Setenv(name, value)
		}
		given(t, tt.stdin)
		err := skel.PluginMainFuncsWithError(New().Funcs(), version.All, "")
		if err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

// given makes a text the standard input.
func given(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	f, err := os.Create(path)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = before; _ = f.Close() })
}
