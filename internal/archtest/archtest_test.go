// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../.."

const module = "github.com/colvin-net/colvin"

// walk calls visit with the path from root of every file that is part of the
// repository and has one of the extensions.
func walk(t *testing.T, visit func(path string), extensions ...string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if slices.Contains(extensions, filepath.Ext(path)) {
				visit(path)
			}
			return nil
		case path == ".git" || path == "bin" || d.Name() == "testdata":
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exists reports whether there is a file or directory at path.
func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}

func TestLicenceHeader(t *testing.T) {
	walk(t, func(path string) {
		if !strings.HasPrefix(read(t, path), "// SPDX-License-Identifier: Apache-2.0\n\n") {
			t.Errorf("%s: want the first line // SPDX-License-Identifier: Apache-2.0, then an empty one", path)
		}
	}, ".go")
}
