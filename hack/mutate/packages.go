// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A pkg is a package as go list prints it.
type pkg struct {
	ImportPath string
	Dir        string
	Module     struct{ Dir string }

	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
}

func list(ctx context.Context, dir string, patterns []string) ([]pkg, error) {
	if len(patterns) == 0 {
		return nil, nil // where go list takes the current directory
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{
		"list", "-json=ImportPath,Dir,Module,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "--",
	}, patterns...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("list packages: %s", strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var found []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("list packages: %w", err)
		}
		found = append(found, p)
	}
}

// tested reports whether there are tests in p that run code of another package,
// without a third in between.
func (p *pkg) tested(path string) bool {
	return p.ImportPath != path && len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 &&
		slices.Contains(slices.Concat(p.Imports, p.TestImports, p.XTestImports), path)
}

// mutants returns all mutants of a package, in order.
func (p *pkg) mutants() ([]mutant, error) {
	var all []mutant
	for _, name := range p.GoFiles {
		source, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read the code: %w", err)
		}
		file, err := filepath.Rel(p.Module.Dir, filepath.Join(p.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read the code: %w", err)
		}
		mutants, err := mutantsOf(filepath.ToSlash(file), source)
		if err != nil {
			return nil, err
		}
		all = append(all, mutants...)
	}
	return all, nil
}
