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
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
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

// An image is a name with the programs in it; the first is what it runs.
type image struct {
	name, title string
	programs    []string
	user        string
}

// images are all.
var images = []image{
	// The agent is root without capabilities but those its pod gives, as kubelet gives no
	// ambient ones; the installer writes into root's directories.
	{"colvin", "Colvin's agent, CNI plugin, installer and command", []string{"colvind", "colvin-cni", "colvin"}, "0:0"},
	{"colvin-controller", "Colvin's controller", []string{"colvin-controller"}, "65532:65532"},
	// For jobs that somebody wants to run, such as deploy/examples/plan-check.yaml.
	{"kubectl-colvin", "kubectl colvin, for jobs in a cluster", []string{"kubectl-colvin"}, "65532:65532"},
}

// local is the registry in the names that archives have: whoever imports one finds the image
// as the kubelet will look for it, and none is ever fetched by that name.
const local = "localhost"

const source = "https://github.com/colvin-net/colvin"

// writeImages builds all images, each an OCI archive and a list of what is in it for each
// platform, and pushes them where that is wanted.
func (b *builder) writeImages(ctx context.Context) error {
	for _, i := range images {
		index, err := b.index(ctx, i)
		if err != nil {
			return fmt.Errorf("build %s: %w", i.name, err)
		}
		archive := filepath.Join(b.out, i.name+"-"+b.version+".tar")
		size, digest, err := write(archive, local+"/"+i.name+":"+b.version, index)
		if err != nil {
			return fmt.Errorf("write %s: %w", archive, err)
		}
		b.said(archive, digest, size)
		if b.push == "" {
			continue
		}
		if err := pushIndex(ctx, strings.TrimSuffix(b.push, "/")+"/"+i.name+":"+b.version, index); err != nil {
			return fmt.Errorf("push %s: %w", i.name, err)
		}
	}
	return nil
}

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
	for _, p := range b.platforms(nodePlatforms) {
		img, err := b.image(ctx, i, p)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}}})
	}
	annotated, ok := mutate.Annotations(index, b.labels(i)).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("an index with annotations is no index any more")
	}
	return annotated, nil
}

// image builds an image for one platform, and writes what is in it.
func (b *builder) image(ctx context.Context, i image, p platform) (v1.Image, error) {
	programs, err := b.programs(ctx, p, i.programs...)
	if err != nil {
		return nil, err
	}
	sbom := fmt.Sprintf("%s-%s-%s.cdx.json", i.name, b.version, p.arch)
	if err := b.writeSBOM(sbom, cdx.Component{Type: cdx.ComponentTypeContainer, Name: i.name, Description: i.title}, programs); err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, path := range programs { // one layer each: an update of one is no other's
		program := filepath.Base(path)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var archive bytes.Buffer
		if err := writeTar(&archive, b.created, []entry{{name: program, data: data, mode: 0o755}}); err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
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
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: b.created}
	config.Config = v1.Config{Entrypoint: []string{"/" + i.programs[0]}, User: i.user, WorkingDir: "/", Env: []string{"PATH=/"}, Labels: b.labels(i)}
	return mutate.ConfigFile(img, config)
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
