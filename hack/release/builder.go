// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A platform is one that programs are for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// What programs of nodes and of the cluster are for, and what kubectl's plugin is for.
var (
	nodePlatforms    = []platform{{"linux", "amd64"}, {"linux", "arm64"}}
	kubectlPlatforms = append(slices.Clone(nodePlatforms), platform{"darwin", "amd64"}, platform{"darwin", "arm64"})
)

// A builder builds programs, each once for a platform, and what they are part of.
type builder struct {
	root, version, out, push string
	chosen                   []platform // the only ones; empty: all
	revision                 string
	dirty                    bool
	created                  time.Time
	scratch                  string // a directory of what was built
}

// only chooses platforms by a list.
func (b *builder) only(list string) error {
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		i := slices.IndexFunc(kubectlPlatforms, func(p platform) bool { return p.String() == name })
		if i < 0 {
			return fmt.Errorf("-platforms: %q is none of %v", name, kubectlPlatforms)
		}
		b.chosen = append(b.chosen, kubectlPlatforms[i])
	}
	return nil
}

// platforms are those of all that were chosen.
func (b *builder) platforms(all []platform) []platform {
	if len(b.chosen) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p platform) bool { return !slices.Contains(b.chosen, p) })
}

// tags are the tags that images can have.
var tags = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}$`)

// prepare asks git what is built. SOURCE_DATE_EPOCH says when, where it is set.
func (b *builder) prepare(ctx context.Context) error {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", b.root}, args...)...)
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("git %s: %w: %s", args[0], err, exit.Stderr)
		}
		return strings.TrimSpace(string(out)), err
	}
	described, err := git("describe", "--tags", "--always", "--dirty")
	if err == nil {
		b.revision, err = git("rev-parse", "HEAD")
	}
	var at, changed string
	if err == nil {
		at, err = git("log", "-1", "--format=%ct")
	}
	if err == nil {
		changed, err = git("status", "--porcelain")
	}
	if err != nil {
		return err
	}
	b.version, b.dirty = cmp.Or(b.version, described), changed != ""
	if !tags.MatchString(b.version) {
		return fmt.Errorf("VERSION=%q: want letters, digits, '.', '_' and '-', as it becomes the tag of images", b.version)
	}
	epoch := cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), at)
	seconds, err := strconv.ParseUint(epoch, 10, 32) // rpm has no more bits
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH=%q: want seconds since 1970", epoch)
	}
	b.created = time.Unix(int64(seconds), 0).UTC()
	if b.scratch, err = os.MkdirTemp("", "colvin-release-"); err != nil {
		return err
	}
	return os.MkdirAll(b.out, 0o755)
}

// close removes what was built on the way.
func (b *builder) close() error {
	if b.scratch == "" {
		return nil
	}
	return os.RemoveAll(b.scratch)
}

// settled is what the go command would otherwise take from who calls it, or from what
// "go env -w" wrote, into programs: their defaults, as an empty variable is none.
var settled = []string{"GOFLAGS=-trimpath", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOWORK=off", "GOEXPERIMENT="}

// programs returns the paths of programs for a platform, built where they are not yet.
func (b *builder) programs(ctx context.Context, p platform, names ...string) ([]string, error) {
	dir := filepath.Join(b.scratch, p.os+"_"+p.arch)
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version=" + b.version, "-o", dir + "/"}
	known := len(args)
	var paths []string
	for _, name := range names {
		path := filepath.Join(dir, name)
		paths = append(paths, path)
		if _, err := os.Stat(path); err != nil {
			args = append(args, "./cmd/"+name)
		}
	}
	if len(args) == known {
		return paths, nil
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	cmd.Env = append(cmd.Env, settled...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w", strings.Join(names, ", "), p, err)
	}
	return paths, nil
}

// said tells what was made, by the path that it has in the repository.
func (b *builder) said(path string, more ...any) {
	if below, err := filepath.Rel(b.root, path); err == nil && filepath.IsLocal(below) {
		path = below
	}
	fmt.Println(append([]any{path}, more...)...)
}
