// SPDX-License-Identifier: Apache-2.0

// Command pack makes a container image of programs of others, for tests that run them in a
// cluster without a registry: busybox, and what is below a directory, in one layer.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	out := flags.String("out", "", "`file` of the archive, as docker save makes it")
	root := flags.String("root", "", "`directory` of what is in the image; empty: busybox alone")
	tag := flags.String("name", "", "`name` of the image, with its tag")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ref, err := name.NewTag(*tag)
	if err != nil {
		return err
	}
	img, err := build(*root, flags.Args())
	if err != nil {
		return fmt.Errorf("pack %s: %w", ref, err)
	}
	return tarball.WriteToFile(*out, ref, img)
}

// build makes an image that runs a command.
func build(root string, command []string) (v1.Image, error) {
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	err := addBase(w)
	if err == nil && root != "" {
		err = addTree(w, root)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: command, WorkingDir: "/", Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	return mutate.ConfigFile(img, config)
}

// addBase adds what every image of a distribution has: who root is, directories for what is
// temporary, one of which has two names, and programs, here busybox, which has to be a static
// one, under all its names.
func addBase(w *tar.Writer) error {
	program, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w (Debian has a static one in busybox-static)", err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	names, err := exec.Command(program, "--list").Output()
	if err != nil {
		return err
	}
	errs := []error{addFile(w, "bin/busybox", data)}
	for _, applet := range strings.Fields(string(names)) {
		if applet != "busybox" {
			errs = append(errs, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: path.Join("bin", applet), Linkname: "busybox", Mode: 0o777}))
		}
	}
	errs = append(errs, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "run/", Mode: 0o755}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "var/run", Linkname: "../run", Mode: 0o777}),
		addFile(w, "etc/passwd", []byte("root:x:0:0:root:/:/bin/sh\n")), addFile(w, "etc/group", []byte("root:x:0:\n")))
	return errors.Join(errs...)
}

// addTree adds what is below a directory. All files may be run, as modules do not keep
// which of them are programs.
func addTree(w *tar.Writer, root string) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			to, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: filepath.ToSlash(name), Linkname: to, Mode: 0o777})
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return addFile(w, filepath.ToSlash(name), data)
	})
}

func addFile(w *tar.Writer, name string, data []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o755}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}
