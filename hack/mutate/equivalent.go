// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// equivalents are the keys of mutants that change nothing that anybody could tell,
// by the line they are on in their file.
type equivalents struct {
	root  string // of the module
	name  string
	keys  map[string]int
	wrong []error
}

// readEquivalents reads a list: the reason as comments, then the mutants it holds
// for as they are printed, less the number of the line. An empty line ends a reason.
func readEquivalents(root, name string) (equivalents, error) {
	e := equivalents{root: root, name: name, keys: map[string]int{}}
	data, err := os.ReadFile(filepath.Join(root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("read the equivalent mutants: %w", err)
	}
	reason := false
	for i, line := range strings.Split(string(data), "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
			reason = false
		case strings.HasPrefix(line, "#"):
			reason = true
		case !reason:
			e.wrong = append(e.wrong, fmt.Errorf("%s:%d: no comment above says why: %s", name, i+1, line))
		default:
			e.keys[line] = i + 1
		}
	}
	return e, nil
}

// check returns what is wrong with the list: entries without a reason, and those that
// name no mutant of the tree.
func (e *equivalents) check() error {
	wrong := slices.Clone(e.wrong)
	there := map[string]bool{}
	read := map[string]bool{}
	for key := range e.keys {
		file, _, _ := strings.Cut(key, " ")
		if read[file] || !filepath.IsLocal(file) {
			continue
		}
		read[file] = true
		source, err := os.ReadFile(filepath.Join(e.root, file))
		if err != nil {
			continue // there is none, so its mutants are not there either
		}
		mutants, err := mutantsOf(file, source)
		if err != nil {
			return err
		}
		for i := range mutants {
			there[mutants[i].key()] = true
		}
	}
	for key, line := range e.keys {
		if !there[key] {
			wrong = append(wrong, fmt.Errorf("%s:%d: there is no such mutant any more: %s", e.name, line, key))
		}
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}
