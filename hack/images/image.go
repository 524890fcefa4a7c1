// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The annotations of the image specification, by which archives name what is in them
// (annotations.md there); containerd has one of its own.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
)

// labels are those of the image specification.
func (b *builder) labels(i image) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    i.title,
		"org.opencontainers.image.source":   source,
		"org.opencontainers.image.revision": b.revision,
		"org.opencontainers.image.version":  b.version,
		"org.opencontainers.image.created":  b.created.Format(time.RFC3339),
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
}

// index builds an image for all platforms.
func (b *builder) index(ctx context.Context, i image) (v1.ImageIndex, error) {
	index := v1.ImageIndex(mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	for _, p := range b.platforms {
		dir, err := os.MkdirTemp("", "colvin-images-")
		if err != nil {
			return nil, err
		}
		img, err := b.image(ctx, i, p, dir)
		_ = os.RemoveAll(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Architecture, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	annotated, ok := mutate.Annotations(index, b.labels(i)).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("an index with annotations is no index any more")
	}
	return annotated, nil
}

// image builds an image for one platform, and writes what is in it.
func (b *builder) image(ctx context.Context, i image, p v1.Platform, dir string) (v1.Image, error) {
	if err := b.build(ctx, i, p, dir); err != nil {
		return nil, err
	}
	if err := b.writeSBOM(i, p, dir); err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, program := range i.programs { // one layer each: an update of one is no other's
		data, err := os.ReadFile(filepath.Join(dir, program))
		if err != nil {
			return nil, err
		}
		archive, err := b.layer(program, data)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: b.created}, CreatedBy: "go build ./cmd/" + program}})
		if err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.OS, p.Architecture, v1.Time{Time: b.created}
	config.Config = v1.Config{Entrypoint: []string{"/" + i.programs[0]}, User: i.user, WorkingDir: "/", Env: []string{"PATH=/"}, Labels: b.labels(i)}
	return mutate.ConfigFile(img, config)
}

// layer is a program as a tar archive, in which nothing depends on where it was made.
func (b *builder) layer(program string, data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: program, Size: int64(len(data)), Mode: 0o755, ModTime: b.created, Format: tar.FormatPAX}
	err := w.WriteHeader(header)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

// write writes an OCI layout as one archive, and tells what docker and podman show: the
// size of what is fetched for one platform.
func write(path, tag string, index v1.ImageIndex) (size string, digest v1.Hash, err error) {
	if digest, err = index.Digest(); err != nil {
		return "", digest, err
	}
	dir, err := os.MkdirTemp("", "colvin-layout-")
	if err != nil {
		return "", digest, err
	}
	defer os.RemoveAll(dir)
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		return "", digest, err
	}
	names := layout.WithAnnotations(map[string]string{refName: tag, containerdName: tag})
	if err := at.AppendIndex(index, names); err != nil {
		return "", digest, err
	}
	if err := archive(path, dir); err != nil {
		return "", digest, err
	}
	size, err = fetched(index)
	return size, digest, err
}

// fetched is what there is to fetch of each platform.
func fetched(index v1.ImageIndex) (string, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", err
	}
	text := ""
	for _, m := range manifest.Manifests {
		img, err := index.Image(m.Digest)
		if err != nil {
			return "", err
		}
		layers, err := img.Layers()
		if err != nil {
			return "", err
		}
		var bytes int64
		for _, l := range layers {
			n, err := l.Size()
			if err != nil {
				return "", err
			}
			bytes += n
		}
		text += fmt.Sprintf(" %s %.1f MB", m.Platform.Architecture, float64(bytes)/1e6)
	}
	return text[1:], nil
}

// archive packs a directory, in the order of the names and without times.
func archive(path, dir string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: filepath.ToSlash(name) + "/", Mode: 0o755})
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Size: int64(len(data)), Mode: 0o644}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// pushIndex pushes to a registry, with the credentials that docker and podman keep.
func pushIndex(ctx context.Context, to string, index v1.ImageIndex) error {
	ref, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	return remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}
