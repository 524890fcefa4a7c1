// SPDX-License-Identifier: Apache-2.0

//go:build linux

package packages

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/buildcache"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const target = "make test-packages"

var (
	// debian is the feature of a Debian that programs can be installed in.
	debian = netnstest.NewFeature("debian", target, func() error {
		_, err := exec.LookPath("debootstrap")
		return err
	}).OnRequest()
	// rpm is rpm's own program.
	rpm = netnstest.NewFeature("rpm", target, func() error {
		_, err := exec.LookPath("rpm")
		return err
	}).OnRequest()
)

// installed returns a Debian, of this machine's own release, with systemd; it is made the first time.
func installed(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Component: main").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt where Debian is: %w", err)
	}
	var from, release string
	if _, err := fmt.Sscan(string(said), &from, &release); err != nil {
		return "", fmt.Errorf("apt tells no repository: %w", err)
	}
	dir, err := buildcache.Path("debian-" + release)
	if err != nil {
		return "", err
	}
	return dir, buildcache.Fill(dir, func(tmp string) error {
		cmd := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,init-system-helpers,iproute2,bash-completion,man-db", release, tmp, from)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("debootstrap: %w\n%s", err, said[max(0, len(said)-2000):])
		}
		return nil
	})
}

//go:embed testdata/boot.sh
var boot []byte

// A machine is a node of the lab on which Debian runs, with its own systemd.
type machine struct {
	*lab.Node
	t   *testing.T
	pid string // of systemd, as the node's processes know it
}

// start boots a machine that has the packages of a directory as /packages.
func start(t *testing.T, packages string) *machine {
	t.Helper()
	root, err := installed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	node, err := lab.NewNode(t.Context(), "debian1", lab.Binaries{})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{Node: node, t: t}
	group := "colvin-packages-" + strconv.Itoa(os.Getpid())
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
		if err := removeGroup(group); err != nil {
			t.Error(err)
		}
	})
	script := "/run/boot.sh"
	m.ok(node.WriteFile(script, string(boot)))
	log, err := os.Create(filepath.Join(t.TempDir(), "console"))
	m.ok(err)
	t.Cleanup(func() {
		if said, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the machine's console:\n%s", said)
		}
		_ = log.Close()
	})
	first := node.Command(context.WithoutCancel(t.Context()), "unshare", "--pid", "--fork", "--kill-child", "--mount", "--propagation=private", "sh", script, root, packages, group)
	first.Stdout, first.Stderr = log, log
	m.ok(first.Start())
	m.await("the machine to boot", func() error {
		if m.pid == "" {
			m.pid = m.findSystemd()
		}
		if m.pid == "" {
			return errors.New("there is no systemd")
		}
		said, _ := m.try("systemctl", "is-system-running")
		if said = strings.TrimSpace(said); said != "running" && said != "degraded" {
			return fmt.Errorf("the system is %q", said)
		}
		return nil
	})
	return m
}

// findSystemd returns the process that is systemd.
func (m *machine) findSystemd() string {
	said, err := m.Command(m.t.Context(), "pgrep", "-x", "-o", "systemd").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(said))
}

// removeGroup removes a group of systemd's hierarchy, in which nothing runs any more.
func removeGroup(name string) error {
	for _, above := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup"} {
		top := filepath.Join(above, name)
		var dirs []string
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for _, dir := range slices.Backward(dirs) {
			err = errors.Join(err, os.Remove(dir))
		}
		return err
	}
	return nil
}

func (m *machine) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// command is one that runs on the machine, as root there.
func (m *machine) command(env []string, name string, args ...string) *netnstest.Cmd {
	all := append([]string{"--target", m.pid, "--mount", "--pid", "--root", "--wd=/", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}, env...)
	return m.Command(m.t.Context(), "nsenter", append(append(all, name), args...)...)
}

// try runs a command and returns all that it says.
func (m *machine) try(name string, args ...string) (string, error) {
	out, err := m.command(nil, name, args...).CombinedOutput()
	return string(out), err
}

// run runs a command that must not fail.
func (m *machine) run(name string, args ...string) string {
	m.t.Helper()
	said, err := m.try(name, args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return said
}

// says is an error unless a command of colvin says that.
func (m *machine) says(want, command string) error {
	said, err := m.try("colvin", command)
	if err == nil && !strings.Contains(said, want) {
		err = fmt.Errorf("want %q", want)
	}
	if err != nil {
		return fmt.Errorf("colvin %s: %w in\n%s", command, err, said)
	}
	return nil
}

// hasPlugin reports whether the machine has the plugin.
func (m *machine) hasPlugin() bool {
	_, err := m.try("test", "-e", plugin)
	return err == nil
}

// write writes a file on the machine.
func (m *machine) write(path, text string) {
	m.t.Helper()
	cmd := m.command(nil, "tee", path)
	cmd.Stdin = strings.NewReader(text)
	if _, err := cmd.Output(); err != nil {
		m.t.Fatalf("write %s: %v", path, err)
	}
}

// await waits for what is to happen.
func (m *machine) await(what string, happens func() error) {
	m.t.Helper()
	end := time.After(time.Minute)
	for tick := time.Tick(100 * time.Millisecond); ; {
		err := happens()
		if err == nil {
			return
		}
		select {
		case <-end:
			m.t.Fatalf("waited for %s: %v", what, err)
		case <-tick:
		}
	}
}

// cni calls the machine's plugin for a container, as a runtime does.
func (m *machine) cni(verb string, pod *netnstest.Container, conf string) (string, error) {
	cmd := m.command([]string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + pod.String(), "CNI_NETNS=/run/pods/" + pod.String(), "CNI_IFNAME=net1", "CNI_PATH=/opt/cni/bin",
		"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + pod.String(),
	}, "/opt/cni/bin/colvin")
	cmd.Stdin = strings.NewReader(conf)
	out, err := cmd.Output()
	return string(bytes.TrimSpace(out)), err
}

// pod makes a container that the machine knows.
func (m *machine) pod(name string) *netnstest.Container {
	m.t.Helper()
	c, err := m.NewContainer(m.t.Context(), name)
	m.ok(err)
	m.t.Cleanup(func() { _ = c.Close() })
	// Into the mount namespace of the machine, by a way that both see.
	file := "/run/machine/run/pods/" + name
	for _, args := range [][]string{{"touch", file}, {"mount", "--bind", c.NetNS(), file}} {
		cmd := m.Command(m.t.Context(), "nsenter", append([]string{"--target", m.pid, "--mount", "--"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return c
}
