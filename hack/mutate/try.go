// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// An outcome is what the tests say of a mutant.
type outcome int

const (
	unnoticed outcome = iota
	noticed
	timedOut
	broken // it does not build
)

// A trial runs the tests that can notice a mutant of one package.
type trial struct {
	root  string   // of the module
	own   string   // the package's tests, which come first
	other []string // those of others, for what its own do not notice

	ownTime, otherTime time.Duration // after which a mutant has no end
}

// prepare runs the tests on what is there, which tells how long they take.
func (t *trial) prepare(ctx context.Context) error {
	for _, part := range []struct {
		packages []string
		limit    *time.Duration
	}{{[]string{t.own}, &t.ownTime}, {t.other, &t.otherTime}} {
		if len(part.packages) == 0 {
			continue
		}
		start := time.Now()
		got, out, err := t.test(ctx, part.packages, "", 10*time.Minute)
		if err != nil {
			return err
		}
		if got != unnoticed {
			return fmt.Errorf("test %s as it is: it fails:\n%s", strings.Join(part.packages, " "), out)
		}
		*part.limit = 10*time.Second + 4*time.Since(start)
	}
	return nil
}

// try says what the tests make of a mutant.
func (t *trial) try(ctx context.Context, m *mutant) (outcome, error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return 0, fmt.Errorf("make a mutant: %w", err)
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, t.root, m)
	if err != nil {
		return 0, fmt.Errorf("make a mutant: %w", err)
	}
	got, _, err := t.test(ctx, []string{t.own}, overlay, t.ownTime)
	if err != nil || got != unnoticed || len(t.other) == 0 {
		return got, err
	}
	got, _, err = t.test(ctx, t.other, overlay, t.otherTime)
	return got, err
}

// writeOverlay writes a mutated file and what go wants to know of it into dir.
func writeOverlay(dir, root string, m *mutant) (string, error) {
	original := filepath.Join(root, filepath.FromSlash(m.file))
	mutated := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(mutated, m.apply(), 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

var doesNotBuild = regexp.MustCompile(`(?m)^FAIL\t.*\[(build|setup) failed\]$`)

// test runs the tests of packages and returns what they print, too.
func (t *trial) test(ctx context.Context, packages []string, overlay string, limit time.Duration) (outcome, string, error) {
	// Neither vet nor a cached result is a test that notices.
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=" + limit.String()}
	env := os.Environ()
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
		// Some tests build programs of ours.
		env = append(env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Dir, cmd.Env = t.root, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// What the tests have started goes with them: a mutant may have forgotten it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = cmd.Cancel()
	}
	switch exit := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case err == nil:
		return unnoticed, out.String(), nil
	case errors.Is(err, exec.ErrWaitDelay): // it left something running
		return noticed, out.String(), nil
	case !errors.As(err, &exit):
		return 0, "", fmt.Errorf("run the tests: %w", err)
	case doesNotBuild.Match(out.Bytes()):
		return broken, out.String(), nil
	case bytes.Contains(out.Bytes(), []byte("panic: test timed out after")), bytes.Contains(out.Bytes(), []byte("*** Test killed")):
		return timedOut, out.String(), nil
	}
	return noticed, out.String(), nil
}
