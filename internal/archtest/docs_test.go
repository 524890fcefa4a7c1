// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	span    = regexp.MustCompile("`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	source  = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)
	scheme  = regexp.MustCompile(`^[a-z]+:`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*?)#* *$`)
	target  = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	// tree is a path that can be looked up: no blanks, globs and place-holders.
	tree = regexp.MustCompile(`^(?:\./)?([\w.-]+(?:/[\w.-]+)*)(?:/|/\.\.\.|:\d+)?$`)
)

// TestDocs holds that what the pages point to is there: relative links with their
// headings, paths of this repository in code, and make's targets.
func TestDocs(t *testing.T) {
	var targets []string
	if exists("Makefile") {
		for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
			targets = append(targets, m[1])
		}
	}
	walk(t, func(page string) {
		text := fence.ReplaceAllString(read(t, page), "")
		for _, s := range span.FindAllString(text, -1) {
			checkCode(t, page, strings.Trim(s, "`"), targets)
		}
		prose := span.ReplaceAllString(text, "")
		for _, m := range slices.Concat(link.FindAllStringSubmatch(prose, -1), source.FindAllStringSubmatch(prose, -1)) {
			checkLink(t, page, m[1])
		}
	}, ".md")
}

// TestMap holds that docs/README.md has every page of docs, once.
func TestMap(t *testing.T) {
	const index = "docs/README.md"
	mapped := map[string]int{}
	for line := range strings.SplitSeq(read(t, index), "\n") {
		if m := link.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "- ") {
			mapped[path.Join("docs", m[1])]++
		}
	}
	walk(t, func(page string) {
		if page != index && path.Dir(page) == "docs" && mapped[page] != 1 {
			t.Errorf("%s is %d times in %s", page, mapped[page], index)
		}
	}, ".md")
}

func checkCode(t *testing.T, page, code string, targets []string) {
	t.Helper()
	if name, ok := strings.CutPrefix(code, "make "); ok && !slices.Contains(targets, strings.Fields(name + " help")[0]) {
		t.Errorf("%s: `%s`: the Makefile has no such target", page, code)
	}
	m := tree.FindStringSubmatch(code)
	if m == nil || !strings.Contains(m[0], "/") {
		return
	}
	// A path of this repository begins with one of its directories.
	top, rest, _ := strings.Cut(m[1], "/")
	if strings.Contains(read(t, ".gitignore"), "/"+top+"/\n") { // made by somebody, in whole or in part
		return
	}
	if top != ".." && rest != "" && rest != "..." && exists(top) && !exists(strings.TrimSuffix(m[1], "/...")) {
		t.Errorf("%s: `%s`: there is no such file or directory", page, code)
	}
}

func checkLink(t *testing.T, page, to string) {
	t.Helper()
	if scheme.MatchString(to) {
		return
	}
	file, fragment, _ := strings.Cut(to, "#")
	if file = path.Join(path.Dir(page), file); strings.HasPrefix(to, "#") {
		file = page
	}
	if strings.HasPrefix(file, "..") || strings.HasPrefix(to, "/") || !exists(file) {
		t.Errorf("%s: link to %s: there is no %s", page, to, file)
		return
	}
	if fragment != "" && path.Ext(file) == ".md" && !slices.Contains(slugs(read(t, file)), fragment) {
		t.Errorf("%s: link to %s: %s has no such heading", page, to, file)
	}
}

// slugs returns the names by which links can reach the headings of a page.
func slugs(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}
