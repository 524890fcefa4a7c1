// SPDX-License-Identifier: Apache-2.0

//go:build linux

package packages

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

const (
	before, after = "v0.0.9", "v0.1.0" // the versions, of the same source

	rules = `networks:
  - {name: green, match: [{system: sw-green, vlan: 100}]}
`
	definition = `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green"}`

	plugin   = "/opt/cni/bin/colvin"
	settings = "/etc/colvin/colvind.yaml"
	named    = "/etc/colvin/rules.yaml"
	colours  = "/var/lib/colvin/agent/colours.json"
)

// build builds the packages of both versions for this machine, and returns their directory.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, version := range []string{before, after} {
		cmd := exec.CommandContext(t.Context(), "go", "run", ".", "-source=../..", "-out="+dir, "-version="+version, "-platforms=linux/"+runtime.GOARCH, "packages")
		cmd.Dir = "../../hack/release"
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build the packages: %v\n%s", err, said)
		}
	}
	return dir
}

func deb(version string) string {
	return fmt.Sprintf("/packages/colvin_%s-1_%s.deb", strings.TrimPrefix(version, "v"), runtime.GOARCH)
}

// TestLife installs a package, attaches a container, and does all that a package manager does to it.
func TestLife(t *testing.T) {
	netnstest.Require(t, debian, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD)
	dir := build(t)
	green, err := netnstest.NewSwitch(t.Context(), netnstest.SwitchConfig{Name: "sw-green", Speaker: netnstest.LLDPD, Hold: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = green.Close() })
	m := start(t, dir)
	m.ok(m.Cable(t.Context(), "eth1", green, "p1", lab.GreenVLAN))

	m.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n") // an image that is being built starts nothing
	m.run("chmod", "755", "/usr/sbin/policy-rc.d")
	m.run("dpkg", "--install", deb(before))
	if said, _ := m.try("systemctl", "is-active", "colvind"); said != "inactive\n" {
		t.Errorf("against the policy the agent is %s", said)
	}
	m.run("rm", "/usr/sbin/policy-rc.d")
	m.run("dpkg", "--purge", "colvin")
	m.leaves(nil)

	m.run("mkdir", "/run/colvin")
	m.run("sh", "-c", "exec 9> /run/colvin/agent.lock; flock 9; sleep 1000 > /dev/null 2>&1 & echo $! > /run/other") // such as a pod
	if said, err := m.try("dpkg", "--install", deb(before)); err == nil || !strings.Contains(said, "an agent runs on this node already") {
		t.Errorf("installed beside another agent: %v\n%s", err, said)
	}
	m.run("sh", "-c", "kill $(cat /run/other)")
	m.run("rm", "-r", "/run/colvin")
	m.leaves(nil)

	m.run("dpkg", "--install", deb(before))
	for _, state := range []string{"is-enabled", "is-active"} {
		if said := m.run("systemctl", state, "colvind"); said != "enabled\n" && said != "active\n" {
			t.Errorf("the agent is %s", said)
		}
	}
	if said := m.run("man", "--pager=cat", "colvin-explain"); !strings.Contains(said, "Say what network an interface is attached to") {
		t.Errorf("the page of colvin explain is\n%s", said)
	}
	m.run("sed", "-i", `s/^interfaces: .*/interfaces: ["eth*"]/`, settings) // a lab's cable is a veth
	m.run("systemctl", "restart", "colvind")
	m.await("a colour", func() error { return m.says("fresh", "networks") })
	m.write(named, rules)
	m.await("the network", func() error { return m.says("\ngreen ", "networks") })
	web := m.pod("web")
	result, err := m.cni("ADD", web, definition)
	if err != nil {
		t.Fatalf("ADD: %v: %s", err, result)
	}
	kept := map[string]string{settings: "", named: "", colours: ""}
	for path := range kept {
		kept[path] = m.run("cat", path)
	}
	record := m.run("sh", "-c", "cat /var/lib/colvin/attachments/*.json")

	// The upgrade.
	m.run("dpkg", "--install", deb(after))
	m.sameFiles(kept)
	if got := m.run("sh", "-c", "cat /var/lib/colvin/attachments/*.json"); got != record {
		t.Errorf("the record was\n%s\nand is\n%s", record, got)
	}
	m.await("the new agent", func() error {
		return errors.Join(m.says(" ok ", "attachments"), m.says(after, "status"))
	})
	check := strings.TrimSuffix(definition, "}") + `, "prevResult": ` + result + "}"
	if said, err := m.cni("CHECK", web, check); err != nil {
		t.Errorf("CHECK by the new plugin: %v: %s", err, said)
	}

	// A removal that is refused.
	said, err := m.try("dpkg", "--remove", "colvin")
	if err == nil || !strings.Contains(said, "default/web") || !strings.Contains(said, "the package stays") {
		t.Errorf("removed while a container is attached: %v\n%s", err, said)
	}
	if said := m.run("systemctl", "is-active", "colvind"); said != "active\n" || !m.hasPlugin() {
		t.Errorf("after that the agent is %s, the plugin there: %t", said, m.hasPlugin())
	}
	m.run("dpkg", "--audit")
	if said := m.run("dpkg-query", "--show", "--showformat=${Status}", "colvin"); said != "deinstall ok installed" { // what was asked for, and what is
		t.Errorf("dpkg says %q", said)
	}

	// One that is not, what it leaves, and the way back.
	if said, err := m.cni("DEL", web, definition); err != nil {
		t.Fatalf("DEL: %v: %s", err, said)
	}
	m.run("cp", settings, "/root/settings")
	m.run("sed", "-i", "1i nonsense: 1", settings)
	said, err = m.try("dpkg", "--remove", "colvin")
	if err == nil || !strings.Contains(said, settings+":1:1: nonsense") || strings.Contains(said, "containers need") || !m.hasPlugin() {
		t.Errorf("removed though nobody can know what is attached: %v\n%s", err, said)
	}
	m.run("cp", "/root/settings", settings)
	m.run("rm", "/root/settings")
	m.run("dpkg-divert", "--rename", "--add", "/usr/bin/colvin") // one that cannot do all any more
	m.write("/usr/bin/colvin", "#!/bin/sh\n[ $1 != gc ] || exit 1\nexec /usr/bin/colvin.distrib \"$@\"\n")
	m.run("chmod", "755", "/usr/bin/colvin")
	if said := m.run("dpkg", "--remove", "colvin"); !strings.Contains(said, "ip link shows them") {
		t.Errorf("nothing is said of the names that may be left:\n%s", said)
	}
	m.run("rm", "/usr/bin/colvin")
	m.run("dpkg-divert", "--rename", "--remove", "/usr/bin/colvin")
	if said, _ := m.try("systemctl", "is-active", "colvind"); said == "active\n" || m.hasPlugin() {
		t.Errorf("removed, the agent is %s, the plugin there: %t", said, m.hasPlugin())
	}
	m.sameFiles(kept)
	m.run("dpkg", "--install", deb(after))
	if said := m.run("systemctl", "is-active", "colvind"); said != "active\n" {
		t.Errorf("installed again, the agent is %s", said)
	}
	m.await("the agent of before", func() error { return m.says("fresh", "networks") })
	m.sameFiles(kept)

	// An agent that cannot become ready holds nobody up.
	m.run("systemctl", "stop", "colvind")
	m.run("mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "tmpfs", "/run/colvin")
	_, _ = m.try("dd", "if=/dev/zero", "of=/run/colvin/full", "bs=8k", "count=1") // to the last byte
	m.run("systemctl", "start", "--no-block", "colvind")
	if said := m.run("dpkg", "--install", deb(after)); !strings.Contains(said, "colvind does not run yet") {
		t.Errorf("nothing is said of an agent that is not ready:\n%s", said)
	}
	m.run("systemctl", "stop", "colvind")
	m.run("umount", "/run/colvin")
	m.run("systemctl", "start", "colvind")

	// What an admin stopped stays so.
	m.run("systemctl", "disable", "--now", "colvind")
	m.run("dpkg", "--install", deb(before))
	for state, want := range map[string]string{"is-enabled": "disabled\n", "is-active": "inactive\n"} {
		if said, _ := m.try("systemctl", state, "colvind"); said != want {
			t.Errorf("%s after an upgrade: %s", state, said)
		}
	}

	// The end.
	said = m.run("dpkg", "--purge", "colvin")
	if !strings.Contains(said, named+" stays") {
		t.Errorf("nothing is said of the rules:\n%s", said)
	}
	m.leaves([]string{"/etc/colvin", named})
}

// sameFiles compares files with what they were.
func (m *machine) sameFiles(kept map[string]string) {
	m.t.Helper()
	for path, was := range kept {
		if is := m.run("cat", path); is != was {
			m.t.Errorf("%s was\n%s\nand is\n%s", path, was, is)
		}
	}
}

// leaves holds what is left of the package against what may be: nothing but these paths, and the entry of the user.
func (m *machine) leaves(may []string) {
	m.t.Helper()
	said := m.run("find", "/", "-xdev", "(", "-path", "/packages", "-o", "-path", "/proc", ")", "-prune", "-o", "-path", "*colvin*", "-print")
	said += m.run("find", "/run", "-path", "*colvin*")
	got := slices.DeleteFunc(strings.Fields(said), func(path string) bool {
		return strings.HasPrefix(path, "/var/lib/dpkg/") || strings.HasPrefix(path, "/var/cache/man/") || slices.Contains(may, path)
	})
	if len(got) > 0 {
		m.t.Errorf("left: %q", got)
	}
	if said, err := m.try("dpkg-query", "--show", "colvin"); err == nil && strings.Contains(said, "0.") {
		m.t.Errorf("dpkg knows %s", said)
	}
}

// TestRPM reads the packages of the other kind, and runs what is in them.
func TestRPM(t *testing.T) {
	netnstest.Require(t, rpm)
	dir := build(t)
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	for name, want := range map[string][]string{
		"colvin": {
			"/usr/bin/colvin", "/usr/bin/colvind", plugin, settings, "/usr/lib/systemd/system/colvind.service", "/usr/lib/sysusers.d/colvin.conf",
			"/usr/share/man/man1/colvin-explain.1.gz", "/usr/share/man/man8/colvind.8.gz", "/usr/share/zsh/site-functions/_colvin", "/usr/share/licenses/colvin/LICENSE",
		},
		"kubectl-colvin": {"/usr/bin/kubectl-colvin", "/usr/bin/kubectl_complete-colvin", "/usr/share/man/man1/kubectl-colvin-why.1.gz"},
	} {
		file := filepath.Join(dir, name+"-"+strings.TrimPrefix(after, "v")+"-1."+arch+".rpm")
		ask := func(args ...string) string {
			t.Helper()
			out, err := exec.CommandContext(t.Context(), "rpm", append(args, file)...).CombinedOutput()
			if err != nil {
				t.Errorf("rpm %v: %v\n%s", args, err, out)
			}
			return string(out)
		}
		if said := ask("--checksig", "--nosignature"); !strings.Contains(said, "digests OK") {
			t.Errorf("its digests: %s", said)
		}
		files := strings.Fields(ask("--query", "--list", "--package"))
		for _, w := range want {
			if !slices.Contains(files, w) {
				t.Errorf("%s lacks %s", name, w)
			}
		}
		if said := ask("--query", "--package", "--queryformat", "%{VERSION} %{LICENSE} %{BUILDHOST}"); said != "0.1.0 Apache-2.0 localhost" {
			t.Errorf("it says %s", said)
		}
		root := t.TempDir()
		ask("--root="+root, "--noscripts", "--nodeps", "--install")
		if said, err := exec.CommandContext(t.Context(), "rpm", "--root="+root, "--noscripts", "--erase", name).CombinedOutput(); err != nil {
			t.Errorf("erase: %v\n%s", err, said)
		}
		if left, err := exec.CommandContext(t.Context(), "find", root, "-name", "*colvin*").Output(); err != nil || len(left) > 0 {
			t.Errorf("erased, %s leaves %s %v", name, left, err)
		}
		unpacked := t.TempDir()
		unpack := exec.CommandContext(t.Context(), "sh", "-c", `rpm2cpio "$1" | cpio --extract --make-directories --no-absolute-filenames --quiet`, "sh", file)
		unpack.Dir = unpacked
		if out, err := unpack.CombinedOutput(); err != nil {
			t.Fatalf("unpack: %v\n%s", err, out)
		}
		version := exec.CommandContext(t.Context(), filepath.Join(unpacked, "usr/bin", name), "--version")
		if out, err := version.CombinedOutput(); err != nil || !strings.Contains(string(out), after) {
			t.Errorf("%s version: %v\n%s", name, err, out)
		}
		if name != "colvin" {
			continue
		}
		if said := ask("--query", "--configfiles", "--package"); said != settings+"\n" {
			t.Errorf("files of the configuration: %s", said)
		}
		if info, err := os.Stat(filepath.Join(unpacked, plugin)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("the plugin: %v, %v", info, err)
		}
		scripts := ask("--query", "--scripts", "--package")
		for _, part := range []string{"postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet", "uninstall-cni"} {
			if !strings.Contains(scripts, part) {
				t.Errorf("its scripts have no %q", part)
			}
		}
	}
}

// TestScripts runs the scripts as rpm calls them, with a systemd that writes down what it is told.
func TestScripts(t *testing.T) {
	netnstest.Require(t, netnstest.NetNS)
	without, err := netnstest.New(t.Context(), "without systemd") // its /run is empty
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = without.Close() })
	scripts, err := filepath.Abs("../../deploy/packages")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ script, argument, want string }{
		{"postinstall", "1", "systemd-sysusers colvin.conf; systemctl --no-reload preset colvind.service"},
		{"postinstall", "2", "systemd-sysusers colvin.conf"},
		{"preinstall", "1", ""},
		{"preinstall", "2", ""},
		{"postinstall", "abort-remove", ""},
		{"preremove", "1", ""},
		{"preremove", "upgrade", ""},
		{"postremove", "1", ""},
		{"postremove", "upgrade", ""},
	} {
		dir := t.TempDir()
		said := filepath.Join(dir, "said")
		for _, program := range []string{"systemctl", "systemd-sysusers"} {
			if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\necho "+program+" \"$@\" >> "+said+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, shell := range []string{"sh", "echo"} {
			path, err := exec.LookPath(shell)
			if err == nil {
				err = os.Symlink(path, filepath.Join(dir, shell))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		cmd := without.Command(t.Context(), filepath.Join(dir, "sh"), filepath.Join(scripts, tt.script+".sh"), tt.argument)
		cmd.Env = []string{"PATH=" + dir}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", tt.script, tt.argument, err, out)
		}
		got, err := os.ReadFile(said)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if told := strings.Join(strings.Split(strings.TrimSpace(string(got)), "\n"), "; "); told != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.script, tt.argument, told, tt.want)
		}
	}
}
