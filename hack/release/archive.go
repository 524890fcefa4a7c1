// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// An entry is a file of an archive.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
}

// writeTar writes files of nobody's in particular, in their order, as of one time.
func writeTar(to io.Writer, at time.Time, entries []entry) error {
	w := tar.NewWriter(to)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.data)), Mode: int64(e.mode), ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(e.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// writeArchive writes them as a compressed archive into the directory of what is built.
func (b *builder) writeArchive(name string, entries []entry) (err error) {
	f, err := os.Create(filepath.Join(b.out, name))
	if err != nil {
		return err
	}
	err = compress(f, func(zip io.Writer) error { return writeTar(zip, b.created, entries) })
	if err = errors.Join(err, f.Close()); err == nil {
		b.said(f.Name())
	}
	return err
}

// compress compresses what is written, with no time and no name in it.
func compress(to io.Writer, write func(io.Writer) error) error {
	zip, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	return errors.Join(write(zip), zip.Close())
}

// files reads files into entries below a directory of the archive, by their last names.
func files(mode fs.FileMode, below string, paths ...string) ([]entry, error) {
	var all []entry
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{path.Join(below, filepath.Base(p)), data, mode})
	}
	return all, nil
}

// tree reads all files below a directory of the repository, in the order of their names.
func (b *builder) tree(dir, below string) ([]entry, error) {
	var all []entry
	top := filepath.Join(b.root, dir)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(p, top))
		all = append(all, entry{path.Join(below, name), data, 0o644})
		return nil
	})
	return all, err
}
