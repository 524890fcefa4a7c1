// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// labEnv makes the test binary build a small lab and wait to be killed.
const labEnv = "COLVIN_NETNSTEST_LAB"

type lab struct {
	node *Namespace
	sw   *Switch
}

func newLab(ctx context.Context) (*lab, error) {
	l := &lab{}
	var err error
	if l.node, err = New(ctx, "node"); err != nil {
		return nil, err
	}
	if l.sw, err = NewSwitch(ctx, SwitchConfig{Name: "leaf"}); err != nil {
		return nil, errors.Join(err, l.node.Close())
	}
	_, err = Connect(ctx, Endpoint{In: l.node, Name: "eth1"}, Endpoint{In: l.sw, Name: "p1"})
	if err == nil {
		err = l.node.Command(context.WithoutCancel(ctx), "cat", "/dev/zero").Start() // nobody waits for it
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) close() error { return errors.Join(l.node.Close(), l.sw.Close()) }

func (l *lab) namespaces() []string {
	return []string{netnsOf(l.node.NetNS()), netnsOf(l.sw.NetNS())}
}

// runLab prints the lab's namespaces and blocks.
func runLab() int {
	l, err := newLab(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(strings.Join(l.namespaces(), " "))
	select {}
}

// processesIn lists the processes in these network namespaces.
func processesIn(namespaces []string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net") // the pattern is good
	var found []string
	for _, link := range links {
		if slices.Contains(namespaces, netnsOf(link)) {
			found = append(found, link)
		}
	}
	return found
}

func interfaces(t *testing.T) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

func mounts(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkGone waits until nothing of the namespaces is left.
func checkGone(t *testing.T, namespaces []string) {
	t.Helper()
	err := poll(t.Context(), func() (bool, error) {
		left := processesIn(namespaces)
		if len(left) == 0 {
			return true, nil
		}
		return false, fmt.Errorf("left behind: %s", left)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	Require(t, NetNS)
	devices, mounted := interfaces(t), mounts(t)
	l, err := newLab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	namespaces := l.namespaces()
	if len(processesIn(namespaces)) == 0 {
		t.Error("found no process to look for")
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	checkGone(t, namespaces)
	if diff := cmp.Diff(devices, interfaces(t)); diff != "" {
		t.Errorf("devices of the host (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(mounted, mounts(t)); diff != "" {
		t.Errorf("mounts of the host (-before +after):\n%s", diff)
	}
}

func TestKillLeavesNothing(t *testing.T) {
	Require(t, NetNS)
	devices, mounted := interfaces(t), mounts(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), labEnv+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	namespaces := strings.Fields(line)
	if len(processesIn(namespaces)) == 0 {
		t.Errorf("found no process in %s", line)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // killed
	checkGone(t, namespaces)
	if diff := cmp.Diff(devices, interfaces(t)); diff != "" {
		t.Errorf("devices of the host (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(mounted, mounts(t)); diff != "" {
		t.Errorf("mounts of the host (-before +after):\n%s", diff)
	}
}
