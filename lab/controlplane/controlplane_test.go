// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab/daemon"
)

// startEnv makes the test binary start a control plane and wait to be killed.
const startEnv = "COLVIN_CONTROLPLANE_START"

func TestMain(m *testing.M) {
	if os.Getenv(startEnv) != "" {
		os.Exit(startAndWait())
	}
	os.Exit(leaktest.Run(m))
}

type object = map[string]any

// call calls the API server, which must do it.
func call(t *testing.T, c *Client, method, path string, in, out any) {
	t.Helper()
	if err := c.Do(t.Context(), method, path, in, out); err != nil {
		t.Fatal(err)
	}
}

// refused returns how the API server refuses.
func refused(t *testing.T, c *Client, method, path string, in any) Status {
	t.Helper()
	status, ok := errors.AsType[*Status](c.Do(t.Context(), method, path, in, nil))
	if !ok {
		t.Fatalf("%s %s was not refused", method, path)
	}
	return *status
}

func configMap(name string) object {
	return object{"metadata": object{"name": name}, "data": object{"key": "value"}}
}

const configMaps = "/api/v1/namespaces/default/configmaps"

func TestControlPlane(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Cleanup(func() { checkNothingIn(t, temporary) })
	begin := time.Now()
	c := StartT(t, Options{Scheduler: true})
	t.Logf("ready after %v", time.Since(begin))
	t.Run("objects outlive the API server", testStop(c))
	t.Run("an account on a node", testOnNode(c))
	t.Run("scheduling", testSchedule(c))
	t.Run("from a namespace", testReach(c))
	t.Run("kubectl", testKubectl(c))
	t.Run("whereabouts", testWhereabouts(c))
	t.Run("Helm", testHelm(c))
	t.Logf("resident: %s", strings.Join(resident(t, c), ", "))
}

func checkNothingIn(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func testStop(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		call(t, c.Client, http.MethodPost, configMaps, configMap("kept"), nil)
		if err := c.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), http.MethodGet, configMaps, nil, nil); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while it is stopped: got %v, want %v", err, syscall.ECONNREFUSED)
		}
		begin := time.Now()
		if err := c.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("ready again after %v", time.Since(begin))
		var kept struct{ Data map[string]string }
		call(t, c.Client, http.MethodGet, configMaps+"/kept", nil, &kept)
		if diff := cmp.Diff(map[string]string{"key": "value"}, kept.Data); diff != "" {
			t.Errorf("what was kept (-want +got):\n%s", diff)
		}
		want := Status{Code: http.StatusConflict, Reason: "AlreadyExists", Message: `configmaps "kept" already exists`}
		if diff := cmp.Diff(want, refused(t, c.Client, http.MethodPost, configMaps, configMap("kept"))); diff != "" {
			t.Errorf("refusal (-want +got):\n%s", diff)
		}
	}
}

func testOnNode(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		call(t, c.Client, http.MethodPost, "/api/v1/nodes", object{"metadata": object{"name": "node1"}}, nil)
		call(t, c.Client, http.MethodPost, "/api/v1/namespaces/default/serviceaccounts", object{"metadata": object{"name": "agent"}}, nil)
		agent, err := c.OnNode(t.Context(), "default", "agent", "node1")
		if err != nil {
			t.Fatal(err)
		}
		var review struct {
			Status struct {
				UserInfo struct {
					Username string
					Extra    map[string][]string
				}
			}
		}
		call(t, agent, http.MethodPost, "/apis/authentication.k8s.io/v1/selfsubjectreviews", object{}, &review)
		user := review.Status.UserInfo
		got := []string{user.Username, strings.Join(user.Extra["authentication.kubernetes.io/node-name"], " ")}
		if diff := cmp.Diff([]string{"system:serviceaccount:default:agent", "node1"}, got); diff != "" {
			t.Errorf("user and node (-want +got):\n%s", diff)
		}
		if s := refused(t, agent, http.MethodPost, configMaps, configMap("another")); s.Reason != "Forbidden" {
			t.Errorf("got %v, want that it is forbidden", &s)
		}
	}
}

// testSchedule has a pod scheduled onto the node it asks for, as the node is.
func testSchedule(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		node := object{
			"metadata": object{"name": "node2", "labels": object{"network": "green"}},
			"status":   object{"allocatable": object{"pods": "10"}},
		}
		call(t, c.Client, http.MethodPost, "/api/v1/nodes", node, nil)
		pod := object{"metadata": object{"name": "pod"}, "spec": object{
			"nodeSelector": object{"network": "green"},
			"containers":   []object{{"name": "main", "image": "none"}},
		}}
		const pods = "/api/v1/namespaces/default/pods"
		call(t, c.Client, http.MethodPost, pods, pod, nil)
		err := c.others[0].Await(t.Context(), func(ctx context.Context) error {
			var pod struct{ Spec struct{ NodeName string } }
			if err := c.Do(ctx, http.MethodGet, pods+"/pod", nil, &pod); err != nil {
				return err
			}
			if pod.Spec.NodeName != "node2" {
				return fmt.Errorf("the pod is on node %q", pod.Spec.NodeName)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// testWhereabouts installs it twice, as an upgrade does, and then its account may keep
// what it gave out.
func testWhereabouts(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		netnstest.Require(t, Whereabouts)
		for range 2 {
			plugin, err := InstallWhereabouts(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := exec.LookPath(plugin); err != nil {
				t.Error(err)
			}
		}
		account, err := c.OnNode(t.Context(), "kube-system", "whereabouts", "node1")
		if err != nil {
			t.Fatal(err)
		}
		pool := object{
			"apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "IPPool", "metadata": object{"name": "10.10.0.0-24"},
			"spec": object{"range": "10.10.0.0/24", "allocations": object{}},
		}
		call(t, account, http.MethodPost, IPPools, pool, nil)
		call(t, account, http.MethodDelete, IPPools+"/10.10.0.0-24", nil, nil)
		t.Chdir(t.TempDir())
		if _, err := InstallWhereabouts(t.Context(), c); err == nil || !strings.HasPrefix(err.Error(), "install whereabouts: no lab/controlplane/build at or above ") {
			t.Errorf("outside the repository: got %v, want an error that says what is missing", err)
		}
	}
}

func testReach(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		ns := netnstest.NewT(t, "node")
		if err := c.Reach(ns); err != nil {
			t.Fatal(err)
		}
		kubectl := ns.Command(t.Context(), filepath.Join(c.programs, "kubectl"), "--kubeconfig="+c.path(adminFile), "get", "--raw", "/readyz")
		kubectl.Env = append(os.Environ(), "HOME="+t.TempDir())
		if got, err := kubectl.CombinedOutput(); err != nil || string(got) != "ok" {
			t.Errorf("in the namespace: %v, %s", err, got)
		}
	}
}

func testKubectl(c *ControlPlane) func(*testing.T) {
	return func(t *testing.T) {
		got, err := c.Kubectl(t.Context(), "get", "configmap", "kept", "-o", "custom-columns=KEY:.data.key")
		if diff := cmp.Diff("KEY\nvalue\n", got); err != nil || diff != "" {
			t.Errorf("%v, printed (-want +got):\n%s", err, diff)
		}
		if _, err := c.Kubectl(t.Context(), "get", "configmap", "missing"); err == nil || !strings.Contains(err.Error(), `"missing" not found`) {
			t.Errorf("got %v, want an error that says what kubectl does", err)
		}
	}
}

// resident says how much memory each program uses.
func resident(t *testing.T, c *ControlPlane) []string {
	t.Helper()
	var all []string
	for _, p := range []*daemon.Process{c.etcd, c.apiServer, c.others[0]} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		line, _, _ := strings.Cut(rest, "\n")
		all = append(all, p.Name()+" "+strings.TrimSpace(line))
	}
	return all
}

// startAndWait prints the directory of a control plane and blocks.
func startAndWait() int {
	c, err := Start(context.Background(), Options{Scheduler: true})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(c.dir)
	select {}
}

// running lists the processes whose working directory is dir.
func running(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is good
	var found []string
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && cwd == dir {
			found = append(found, link)
		}
	}
	return found
}

func TestKillLeavesNothingRunning(t *testing.T) {
	netnstest.Require(t, Kubernetes)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), startEnv+"=1", "TMPDIR="+t.TempDir())
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	dir, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	dir = strings.TrimSpace(dir)
	if n := len(running(dir)); n != 3 {
		t.Errorf("found %d processes in %s, want 3", n, dir)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // killed
	begin := time.Now()
	for range time.Tick(20 * time.Millisecond) {
		left := running(dir)
		if left == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("left running: %s", left)
		}
	}
}

func TestStartFails(t *testing.T) {
	netnstest.Require(t, Kubernetes)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	checkNothingIn(t, temporary)
}
