// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/colvin-net/colvin/cli"
	"github.com/colvin-net/colvin/cli/kubectl"
)

// writePages writes the pages of the manual of all commands, and what completes them, into
// directories below one: man1 of colvin, kubectl1 of kubectl colvin, and complete.
func writePages(dir, version string, at time.Time) error {
	colvin := cli.New(version, io.Discard)
	for sub, command := range map[string]*cobra.Command{
		"man1":     colvin,
		"kubectl1": kubectl.New(version, genericiooptions.NewTestIOStreamsDiscard()),
	} {
		if err := manual(filepath.Join(dir, sub), command, version, at); err != nil {
			return err
		}
	}
	complete := filepath.Join(dir, "complete")
	return errors.Join(
		os.MkdirAll(complete, 0o755),
		os.MkdirAll(filepath.Join(dir, "man8"), 0o755),
		colvin.GenBashCompletionFileV2(filepath.Join(complete, "colvin.bash"), true),
		colvin.GenZshCompletionFile(filepath.Join(complete, "colvin.zsh")),
		colvin.GenFishCompletionFile(filepath.Join(complete, "colvin.fish"), true),
	)
}

// manual writes a page for a command and each below it.
func manual(dir string, command *cobra.Command, version string, at time.Time) error {
	plain, err := os.MkdirTemp("", "colvin-man-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(plain)
	command.DisableAutoGenTag = true
	command.InitDefaultCompletionCmd()
	header := &doc.GenManHeader{Section: "1", Source: "Colvin " + version, Manual: "Colvin", Date: &at}
	if err := errors.Join(os.MkdirAll(dir, 0o755), doc.GenManTree(command, header, plain)); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(plain, "*.1"))
	for _, page := range pages {
		err = errors.Join(err, zipFile(page, filepath.Join(dir, filepath.Base(page)+".gz")))
	}
	return err
}

// zipFile compresses a file.
func zipFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = compress(&b, func(zip io.Writer) error {
		_, err := zip.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}
