// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Unpack unpacks an image of an OCI archive, such as those of make images, for one
// architecture into an empty directory, and tells what is run of it. The archive has one
// image; layers only add to those below.
func Unpack(archive, architecture, root string) (Image, error) {
	i, err := unpack(archive, architecture, root)
	if err != nil {
		return Image{}, fmt.Errorf("unpack %s: %w", archive, err)
	}
	return i, nil
}

// A descriptor says where a part of an image is.
type descriptor struct {
	MediaType, Digest string
	Platform          struct{ Architecture, OS string }
}

func unpack(archive, architecture, root string) (Image, error) {
	parts, err := readArchive(archive)
	if err != nil {
		return Image{}, err
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	if err := parts.find(architecture, &manifest); err != nil {
		return Image{}, err
	}
	var config struct {
		Architecture string
		Config       struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
		}
	}
	if err := parts.decode(manifest.Config, &config); err != nil {
		return Image{}, err
	}
	if config.Architecture != architecture {
		return Image{}, fmt.Errorf("the image is for %s, want %s", config.Architecture, architecture)
	}
	for _, l := range manifest.Layers {
		if err := parts.extract(l, root); err != nil {
			return Image{}, fmt.Errorf("layer %s: %w", l.Digest, err)
		}
	}
	c := config.Config
	return Image{Root: root, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, Dir: c.WorkingDir}, nil
}

// parts are the files of an archive, by name.
type parts map[string][]byte

func readArchive(archive string) (parts, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	p := parts{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return p, nil
		} else if err != nil {
			return nil, err
		}
		if p[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// find follows index.json to the manifest for an architecture.
func (p parts) find(architecture string, manifest any) error {
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(p["index.json"], &index); err != nil {
		return fmt.Errorf("read index.json: %w", err)
	}
	for {
		if len(index.Manifests) > 1 {
			index.Manifests = slices.DeleteFunc(index.Manifests, func(d descriptor) bool { return d.Platform.OS != "linux" || d.Platform.Architecture != architecture })
		}
		if len(index.Manifests) != 1 {
			return fmt.Errorf("%d of its images are for %s, want one", len(index.Manifests), architecture)
		}
		d := index.Manifests[0]
		if d.MediaType != "application/vnd.oci.image.index.v1+json" {
			return p.decode(d, manifest)
		}
		index.Manifests = nil
		if err := p.decode(d, &index); err != nil {
			return err
		}
	}
}

// blob is a part that is what its digest says.
func (p parts) blob(d descriptor) ([]byte, error) {
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	b := p["blobs/"+algorithm+"/"+sum]
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); algorithm != "sha256" || got != sum {
		return nil, fmt.Errorf("part %s is missing or another", d.Digest)
	}
	return b, nil
}

func (p parts) decode(d descriptor, v any) error {
	b, err := p.blob(d)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// extract unpacks a layer of directories and files. It refuses links, and what removes
// something of another layer.
func (p parts) extract(d descriptor, root string) error {
	b, err := p.blob(d)
	if err != nil {
		return err
	}
	var layer io.Reader = bytes.NewReader(b)
	if strings.HasSuffix(d.MediaType, "+gzip") {
		if layer, err = gzip.NewReader(layer); err != nil {
			return err
		}
	}
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = extractOne(h, r, root)
		}
		if err != nil {
			return err
		}
	}
}

func extractOne(h *tar.Header, r io.Reader, root string) error {
	if !filepath.IsLocal(h.Name) || strings.HasPrefix(filepath.Base(h.Name), ".wh.") {
		return fmt.Errorf("%s is not understood", h.Name)
	}
	path := filepath.Join(root, h.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := h.FileInfo().Mode().Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		return errors.Join(os.MkdirAll(path, mode), os.Chmod(path, mode))
	case tar.TypeReg:
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, b, mode), os.Chmod(path, mode))
	}
	return fmt.Errorf("%s is of a kind that is not understood", h.Name)
}
