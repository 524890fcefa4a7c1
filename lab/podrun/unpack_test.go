// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type object = map[string]any

// packed is a tar archive of files, and of directories where a name ends with a slash.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(files[name]))}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if target, ok := strings.CutPrefix(files[name], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(files[name])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ociArchive is one with an image for two architectures, each of whose programs says for
// which it is.
func ociArchive(t *testing.T, layer map[string]string, broken bool) string {
	t.Helper()
	files := map[string]string{}
	add := func(mediaType string, content []byte) object {
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		files["blobs/sha256/"+sum] = string(content)
		return object{"mediaType": mediaType, "digest": "sha256:" + sum}
	}
	encode := func(o object) []byte {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var manifests []object
	for _, arch := range []string{"amd64", "arm64"} {
		files := map[string]string{"program": arch}
		maps.Copy(files, layer)
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, err := z.Write(packed(t, files))
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		config := add("application/vnd.oci.image.config.v1+json", encode(object{
			"architecture": arch, "config": object{"Entrypoint": []string{"/program"}, "Env": []string{"PATH=/"}, "User": "0:0", "WorkingDir": "/"},
		}))
		manifest := add("application/vnd.oci.image.manifest.v1+json", encode(object{"config": config, "layers": []object{
			add("application/vnd.oci.image.layer.v1.tar+gzip", zipped.Bytes()), add("application/vnd.oci.image.layer.v1.tar", packed(t, map[string]string{"etc/": "", "etc/file": "text"})),
		}}))
		manifest["platform"] = object{"architecture": arch, "os": "linux"}
		manifests = append(manifests, manifest)
	}
	index := add("application/vnd.oci.image.index.v1+json", encode(object{"manifests": manifests}))
	files["index.json"] = string(encode(object{"manifests": []object{index}}))
	if broken {
		for name := range files {
			if name != "index.json" {
				files[name] += " "
			}
		}
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, packed(t, files), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpack(t *testing.T) {
	archive := ociArchive(t, nil, false)
	root := t.TempDir()
	got, err := Unpack(archive, "arm64", root)
	want := Image{Root: root, Entrypoint: []string{"/program"}, Env: []string{"PATH=/"}, User: "0:0", Dir: "/"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v, image (-want +got):\n%s", err, diff)
	}
	program, err := os.ReadFile(filepath.Join(root, "program"))
	info, _ := os.Stat(filepath.Join(root, "program"))
	text, terr := os.ReadFile(filepath.Join(root, "etc/file"))
	if err != nil || terr != nil || string(program) != "arm64" || info.Mode() != 0o755 || string(text) != "text" {
		t.Errorf("%v, %v: unpacked %s, %v, %s", err, terr, program, info.Mode(), text)
	}
	if _, err := Unpack(archive, "riscv64", t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "0 of its images are for riscv64, want one") {
		t.Errorf("for another architecture: %v", err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	for want, layer := range map[string]map[string]string{
		"../outside is not understood":             {"../outside": "x"},
		"etc/.wh.file is not understood":           {"etc/.wh.file": ""},
		"link is of a kind that is not understood": {"link": "-> /etc"},
	} {
		if _, err := Unpack(ociArchive(t, layer, false), "amd64", t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := Unpack(ociArchive(t, nil, true), "amd64", t.TempDir()); err == nil || !strings.Contains(err.Error(), "is missing or another") {
		t.Errorf("of another content: %v", err)
	}
}
