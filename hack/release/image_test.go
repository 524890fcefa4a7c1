// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// sample is a repository with one small program.
func sample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module example.org/sample\n\ngo 1.26\n",
		"cmd/tool/main.go": "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "sample"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

// prepared is a builder that is ready to build into a directory of its own.
func prepared(t *testing.T, b builder) *builder {
	t.Helper()
	b.out = t.TempDir()
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	if err := b.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &b
}

var tool = image{"tool", "a tool", []string{"tool"}, "65532:65532"}

// TestSameDigest builds the same source twice, from two directories, into two.
func TestSameDigest(t *testing.T) {
	source := sample(t)
	other := filepath.Join(t.TempDir(), "elsewhere")
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", source, other).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var digests []v1.Hash
	var archives [][]byte
	for _, root := range []string{source, other} {
		b := prepared(t, builder{root: root})
		index, err := b.index(t.Context(), tool)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(b.out, "tool.tar")
		if _, _, err := write(path, "tool:1", index); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests, archives = append(digests, digest), append(archives, data)
	}
	if digests[0] != digests[1] || string(archives[0]) != string(archives[1]) {
		t.Errorf("the same source gives %v and %v, archives that are the same: %t", digests[0], digests[1], string(archives[0]) == string(archives[1]))
	}
}

// TestImage looks into the images of both platforms.
func TestImage(t *testing.T) {
	b := prepared(t, builder{root: sample(t), version: "v1.2.3"})
	for _, p := range nodePlatforms {
		img, err := b.image(t.Context(), tool, p)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != p.os || config.Architecture != p.arch || config.Config.User != "65532:65532" || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/tool" {
			t.Errorf("%s: configuration %+v", p, config)
		}
		if labels := config.Config.Labels; labels["org.opencontainers.image.version"] != "v1.2.3" || labels["org.opencontainers.image.revision"] != b.revision || len(b.revision) != 40 {
			t.Errorf("labels %v", labels)
		}
		layers, err := img.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		r := tar.NewReader(content)
		h, err := r.Next()
		if err != nil || h.Name != "tool" || h.Mode != 0o755 || h.Uid != 0 || !h.ModTime.Equal(b.created) {
			t.Errorf("the layer holds %+v, %v", h, err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("the layer holds more than the program: %v", err)
		}
		f, err := os.Open(filepath.Join(b.out, "tool-v1.2.3-"+p.arch+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bom cdx.BOM
		if err := json.NewDecoder(f).Decode(&bom); err != nil || len(*bom.Components) != 1 || (*bom.Components)[0].Name != "std" {
			t.Errorf("it is said to be made of %+v, %v", bom.Components, err)
		}
		_ = f.Close()
	}
}

// TestPackageURL has a version that has to be encoded.
func TestPackageURL(t *testing.T) {
	if got, want := packageURL("example.org/disk", "v2.0.1+incompatible"), "pkg:golang/example.org/disk@v2.0.1%2Bincompatible"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
