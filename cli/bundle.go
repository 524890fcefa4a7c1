// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/colvin-net/colvin/internal/fit"
)

// What a bundle may hold, before it is compressed.
const (
	maxBundled = 16 << 20 // of one file
	maxBundle  = 64 << 20
)

// missingFile says in a bundle what is not in it.
const missingFile = "missing.txt"

// bundleOptions are the flags of "colvin bundle".
type bundleOptions struct {
	config, records, since string
	scrub                  bool
}

// bundle packs what a bug report needs.
func (a *app) bundle() *cobra.Command {
	var o bundleOptions
	cmd := &cobra.Command{
		Use:   "bundle [FILE]",
		Short: "Pack what this node knows into one file for a bug report (--scrub: without addresses and names)",
		Long: "bundle packs into one .tar.gz what the agent and the CNI plugin know on this node: status, networks, neighbors,\n" +
			"interfaces, attachments, recent changes, why each port is where it is, the node file, the plugin's records,\n" +
			"colvind.yaml, the rules and RuleSets, and all versions. What it could not get, as without an agent, missing.txt in it says. There\n" +
			"is no kubeconfig in it, and values whose key speaks of a password, a token or another secret are taken out.\n\n" +
			"--scrub replaces MAC and IP addresses and the names and descriptions of switches, nodes and pods, each always by the\n" +
			"same placeholder; networks, VLANs and interfaces keep their names. The file is for you alone (mode 0600), and none\n" +
			"that is there is overwritten. Run it as root.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := a.sinceWhen(o.since)
			if err != nil {
				return err
			}
			b := a.gather(cmd, &o, from)
			if o.scrub {
				b.scrub()
			}
			b.render()
			name := fmt.Sprintf("colvin-bundle-%s.tar.gz", a.now().UTC().Format("20060102T150405Z"))
			if len(args) > 0 {
				name = args[0]
			}
			if err := b.write(name); err != nil {
				return err
			}
			return a.print("%s", strings.Join(b.told(name), "\n"))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.scrub, "scrub", false, "replace addresses, and the names of switches, nodes and pods")
	flags.StringVar(&o.since, "since", "24h", "how far back changes go: a `time` such as 2026-01-02T15:04:05Z, or how long ago: 90m, 36h, 2d")
	flags.StringVar(&o.config, "config", defaultConfig, "colvind's configuration `file`")
	flags.StringVar(&o.records, "record-directory", "", "`directory` of the CNI plugin's records, where it is not the configured one")
	return cmd
}

// A packed is a file of a bundle.
type packed struct {
	name string
	data []byte
}

// add adds a file, without secrets, unless it is too large.
func (b *bundled) add(name string, data []byte) {
	for _, s := range secrets {
		data = s.find.ReplaceAll(data, []byte(s.by))
	}
	if b.scrubber != nil {
		name = b.scrubber.Text(name)
		if len(b.scrubber.Left(string(data))) > 0 {
			data = []byte(b.scrubber.Names(string(data)))
		}
		if len(b.scrubber.Left(string(data))) > 0 {
			b.lacks(name, errors.New("something of the original would be left in it"))
			return
		}
	}
	if b.size += len(data); len(data) > maxBundled || b.size > maxBundle {
		b.size -= len(data)
		b.lacks(name, fmt.Errorf("it has %d octets, and a file of a bundle may have %d, all together %d", len(data), maxBundled, maxBundle))
		return
	}
	b.files = append(b.files, packed{name, data})
}

// lacks notes what is not in the bundle.
func (b *bundled) lacks(what string, why error) {
	text := why.Error()
	if b.scrubber != nil {
		text = b.scrubber.Text(text)
	}
	b.missing = append(b.missing, fmt.Sprintf("%s: %s", what, fit.Line(text)))
}

// write writes the bundle into a file of its own.
func (b *bundled) write(name string) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if st, statErr := os.Stat(name); statErr == nil && st.IsDir() {
		return fmt.Errorf("write bundle: %s is a directory; name a file in it", name)
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write bundle: %s is there already; remove it, or give another name", name)
	}
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("write bundle %s: %w", name, err), os.Remove(name))
		}
	}()
	if err := f.Chmod(0o600); err != nil { // whatever the umask
		return err
	}
	return b.pack(f)
}

func (b *bundled) pack(w io.Writer) error {
	var missing bytes.Buffer
	for _, m := range b.missing {
		fmt.Fprintln(&missing, m)
	}
	if missing.Len() == 0 {
		fmt.Fprintln(&missing, "Nothing is missing.")
	}
	files := append(slices.Clone(b.files), packed{missingFile, missing.Bytes()})
	slices.SortFunc(files, func(x, y packed) int { return cmp.Compare(x.name, y.name) })
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: "colvin-bundle/" + f.name, Mode: 0o600, Size: int64(len(f.data)), ModTime: b.now().UTC().Truncate(1e9), Typeflag: tar.TypeReg}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// told says what there is now, and what to do with it.
func (b *bundled) told(name string) []string {
	lines := []string{fmt.Sprintf("%s holds %d files. Look at them before you send it: tar -xzf %[1]s", name, len(b.files)+1)}
	if b.scrubber == nil {
		lines = append(lines, "Addresses and names are in it as they are; --scrub replaces them.")
	}
	if len(b.missing) > 0 {
		lines = append(lines, fmt.Sprintf("What it lacks (%s in it):", missingFile))
		for _, m := range b.missing {
			lines = append(lines, "  "+m)
		}
	}
	return lines
}
