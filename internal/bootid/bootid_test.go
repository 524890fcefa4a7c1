// SPDX-License-Identifier: Apache-2.0

package bootid

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boot_id")
	for _, tt := range []struct{ name, content, want string }{
		{"an ID", "0e0a1b2c-3d4e-4f50-8617-28394a5b6c7d\n", "0e0a1b2c-3d4e-4f50-8617-28394a5b6c7d"},
		{"empty", "", ""},
		{"blank", " \n", ""},
	} {
		if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(path)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v does not name %s", tt.name, err, path)
		}
	}
	if got, err := read(path + "2"); err == nil {
		t.Errorf("no file: %q", got)
	}
}
