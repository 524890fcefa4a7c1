// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podrun

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// accountDir is where a pod has the token of its account.
const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// addAccount adds to every container the volume by which the API server's admission
// gives it the token of its account, unless it is told not to, or something is mounted
// there.
func addAccount(spec *corev1.PodSpec) {
	if a := spec.AutomountServiceAccountToken; a != nil && !*a {
		return
	}
	const name = "kube-api-access"
	seconds := int64(3607)
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}}})
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == accountDir }) {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: accountDir})
			}
		}
	}
}

// A volume is what is mounted of one.
type volume struct {
	source   string // where the node has it
	readOnly bool   // whatever the mount says
}

func (p *Pod) makeVolume(v corev1.Volume) (volume, error) {
	dir := filepath.Join(p.dir, "volumes", v.Name)
	switch {
	case v.HostPath != nil:
		source, err := p.hostPath(v.HostPath)
		return volume{source: source}, err
	case v.EmptyDir != nil:
		err := errors.Join(os.MkdirAll(dir, 0o777), os.Chmod(dir, 0o777))
		return volume{source: dir}, err
	case v.ConfigMap != nil:
		files, err := p.configMap(v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional)
		if err != nil {
			return volume{}, err
		}
		return volume{source: dir, readOnly: true}, writeFiles(dir, files, v.ConfigMap.DefaultMode)
	case v.Projected != nil:
		files, err := p.project(v.Projected.Sources)
		if err != nil {
			return volume{}, err
		}
		return volume{source: dir, readOnly: true}, writeFiles(dir, files, v.Projected.DefaultMode)
	}
	return volume{}, errors.New("it is of no kind")
}

// hostPath finds the node's directory of that path and does what its type says.
func (p *Pod) hostPath(h *corev1.HostPathVolumeSource) (string, error) {
	source, ok := p.HostPaths[filepath.Clean(h.Path)]
	if !ok {
		return "", fmt.Errorf("HostPaths has no %s", h.Path)
	}
	kind := corev1.HostPathUnset
	if h.Type != nil {
		kind = *h.Type
	}
	file := p.Node.Path(source)
	info, err := os.Stat(file)
	switch absent := errors.Is(err, fs.ErrNotExist); {
	case err != nil && !absent:
		return "", err
	case absent && (kind == corev1.HostPathDirectoryOrCreate || kind == corev1.HostPathUnset): // containerd makes it
		return source, os.MkdirAll(file, 0o755)
	case absent && kind == corev1.HostPathFileOrCreate:
		return source, os.WriteFile(file, nil, 0o644)
	case absent:
		return "", fmt.Errorf("hostPath %s: there is no such %s", h.Path, kind)
	}
	switch {
	case kind == corev1.HostPathUnset,
		info.IsDir() && (kind == corev1.HostPathDirectory || kind == corev1.HostPathDirectoryOrCreate),
		info.Mode().IsRegular() && (kind == corev1.HostPathFile || kind == corev1.HostPathFileOrCreate),
		info.Mode().Type() == fs.ModeSocket && kind == corev1.HostPathSocket:
		return source, nil
	}
	return "", fmt.Errorf("hostPath %s: it is no %s, or that type is not understood", h.Path, kind)
}

// A file of a volume.
type file struct {
	content string
	mode    *int32
}

func (p *Pod) project(sources []corev1.VolumeProjection) (map[string]file, error) {
	all := map[string]file{}
	for _, s := range sources {
		var files map[string]file
		var err error
		switch {
		case s.ServiceAccountToken != nil:
			if p.Token == nil {
				return nil, errors.New("the pod has no Token")
			}
			var token string
			token, err = p.Token(s.ServiceAccountToken.Audience)
			files = map[string]file{s.ServiceAccountToken.Path: {content: token}}
		case s.ConfigMap != nil:
			files, err = p.configMap(s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional)
		case s.DownwardAPI != nil:
			files, err = p.downward(s.DownwardAPI.Items)
		default:
			err = errors.New("a source is of no kind")
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}

func (p *Pod) downward(items []corev1.DownwardAPIVolumeFile) (map[string]file, error) {
	files := map[string]file{}
	for _, i := range items {
		if i.FieldRef == nil {
			return nil, fmt.Errorf("%s: want a fieldRef", i.Path)
		}
		value, err := p.field(i.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		files[i.Path] = file{value, i.Mode}
	}
	return files, nil
}

func (p *Pod) configMap(name string, items []corev1.KeyToPath, optional *bool) (map[string]file, error) {
	data, ok := p.ConfigMaps[name]
	may := optional != nil && *optional
	if !ok && !may {
		return nil, fmt.Errorf("there is no ConfigMap %s", name)
	}
	files := map[string]file{}
	if items == nil {
		for key, value := range data {
			files[key] = file{content: value}
		}
	}
	for _, i := range items {
		value, ok := data[i.Key]
		if !ok && !may {
			return nil, fmt.Errorf("ConfigMap %s has no %s", name, i.Key)
		} else if ok {
			files[i.Path] = file{value, i.Mode}
		}
	}
	return files, nil
}

// writeFiles writes the files of a volume as the kubelet does, so that all change at once:
// what a container sees are links by way of another, ..data, to a directory, which the
// next time is another (pkg/volume/util/atomic_writer.go of Kubernetes).
func writeFiles(dir string, files map[string]file, defaultMode *int32) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	version, err := os.MkdirTemp(dir, "..version_")
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "..data")
	before, _ := os.Readlink(data)
	if err := errors.Join(os.Chmod(version, 0o755), os.Symlink(filepath.Base(version), data+"_tmp")); err != nil {
		return err
	}
	for name, f := range files {
		if !filepath.IsLocal(name) || strings.HasPrefix(name, "..") {
			return fmt.Errorf("%s is no name of a file in a volume", name)
		}
		mode := int32(0o644)
		mode = *cmp.Or(f.mode, defaultMode, &mode)
		path := filepath.Join(version, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(f.content), 0o600), os.Chmod(path, fs.FileMode(mode))); err != nil {
			return err
		}
	}
	if err := os.Rename(data+"_tmp", data); err != nil {
		return err
	}
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", first), filepath.Join(dir, first)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if before != "" {
		return os.RemoveAll(filepath.Join(dir, before))
	}
	return nil
}
