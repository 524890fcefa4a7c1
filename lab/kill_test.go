// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/lab"
)

const (
	killPods   = 200
	killAtOnce = 16
	killSeed   = 4
	killWanted = 20 // one pod in so many is wanted in the end
	killMost   = 30 // plugins that must have been hit, and as many delegates as a tenth

	// collections bounds how often garbage is collected until what goes on behind a
	// killed plugin's back has ended.
	collections = 100
)

// slowIPAM stands before host-local and makes some of the pods wait for their
// address, so that a delegate outlives its plugin and the start of the next. To others it
// refuses everything, be it at once or after a while.
const slowIPAM = `#!/bin/sh
case $CNI_COMMAND$CNI_CONTAINERID in
ADD*[2468]) sleep 0.7 ;;
ADD*[13]3) sleep 0.3 ;;
esac
case $CNI_CONTAINERID in *3) echo '{"cniVersion":"1.0.0","code":999,"msg":"'$CNI_COMMAND' refused"}'; exit 1 ;; esac
exec %s/host-local
`

// refusedOf is the last digit of the pods to which the IPAM plugin refuses everything.
const refusedOf = 3

// slowDir is where it is.
const slowDir = "/run/slow"

// A killedPod is a pod whose plugins are killed at random.
type killedPod struct {
	*lab.Pod
	number   int
	chance   *rand.Rand
	wanted   bool // in the end
	dropped  bool // its namespace is
	again    bool // attached before that
	orphaned bool // a delegate was killed too, which can leave a device of a name nobody knows
	refused  bool // by the IPAM plugin
	hit      bool // its last ADD was killed, so that nobody knows how far it came
}

// A killer calls plugins and kills some of them.
type killer struct {
	*pluginRig
	took               atomic.Int64 // by a plugin that was not killed, lately
	plugins, delegates atomic.Int64 // killed
}

// TestKilledPlugins kills plugins, and in a part of the cases their delegates, in
// the middle of ADD and DEL, drops namespaces without DEL and then collects
// garbage: what the runtime wants goes on working, and of the rest nothing is left.
func TestKilledPlugins(t *testing.T) {
	k := &killer{pluginRig: newPluginRig(t, delegates["macvlan"])}
	k.ok(os.Mkdir(k.Path(slowDir), 0o755))
	k.ok(os.WriteFile(k.Path(slowDir+"/host-local"), fmt.Appendf(nil, slowIPAM, binaries.CNI), 0o755))
	stdin := k.stdin(hostLocal.with("ranges", [][]object{{{"subnet": "10.10.0.0/16"}}}))
	pods := k.makePods(stdin)
	k.ok(k.each(pods, k.pair))
	k.ok(k.each(pods, k.fate))
	t.Logf("killed %d plugins and %d delegates", k.plugins.Load(), k.delegates.Load())
	if k.plugins.Load() < killMost || k.delegates.Load() < killMost/10 {
		t.Errorf("that is too few to mean anything: want %d and %d", killMost, killMost/10)
	}
	var wanted []*lab.Pod
	for _, p := range pods {
		if p.wanted {
			wanted = append(wanted, p.Pod)
		}
	}
	k.finish(wanted)
	k.collect(stdin, wanted)
	for _, p := range pods {
		k.inspect(p)
	}
	k.gc(wanted[0], stdin)
	k.clean()
}

// finish has the colvin command end what the IPAM plugin refuses to free: what an ADD that
// was killed has begun, and what the runtime's DEL failed for.
func (k *killer) finish(wanted []*lab.Pod) {
	k.t.Helper()
	said := ""
	for range collections {
		var err error
		said, err = k.Colvin(k.t.Context(), "gc")
		k.ok(err)
		if strings.Contains(strings.ToLower(said), "no container detached") {
			return
		}
		<-time.After(50 * time.Millisecond) // a delegate may be at work
	}
	k.t.Errorf("colvin gc goes on to find what to do beside %d pods: %s", len(wanted), said)
}

func (k *killer) makePods(stdin object) []*killedPod {
	k.t.Helper()
	pods := make([]*killedPod, killPods)
	for i := range pods {
		pods[i] = &killedPod{
			number: i, chance: rand.New(rand.NewPCG(killSeed, uint64(i))),
			wanted: i%killWanted == 0, dropped: i%2 == 1, again: i%4 == 1, refused: i%10 == refusedOf,
		}
	}
	k.t.Cleanup(func() {
		for _, p := range pods {
			if p.Pod != nil {
				_ = p.Close() // again, where it is dropped
			}
		}
	})
	k.ok(k.each(pods, func(ctx context.Context, p *killedPod) (err error) {
		p.Pod, err = k.NewPod(ctx, fmt.Sprint("pod", p.number), stdin.String(), "")
		return err
	}))
	return pods
}

// each does something with all pods, some at a time.
func (k *killer) each(pods []*killedPod, do func(context.Context, *killedPod) error) error {
	g, ctx := errgroup.WithContext(k.t.Context())
	g.SetLimit(killAtOnce)
	for _, p := range pods {
		g.Go(func() error { return do(ctx, p) })
	}
	return g.Wait()
}

// pair is ADD and DEL. Each that is not killed succeeds.
func (k *killer) pair(ctx context.Context, p *killedPod) error {
	for _, verb := range []string{"ADD", "DEL"} {
		if err := k.maybe(ctx, p, verb); err != nil {
			return err
		}
	}
	return nil
}

// fate prepares the end: a pod that is wanted is attached, and one whose namespace
// is dropped is attached again, or not.
func (k *killer) fate(ctx context.Context, p *killedPod) error {
	switch {
	case p.wanted:
		if err := p.Del(ctx); err != nil {
			return err
		}
		_, err := p.Add(ctx)
		return err
	case p.again:
		return errors.Join(k.addAgain(ctx, p), p.Close())
	case p.dropped:
		return p.Close()
	}
	return nil
}

// addAgain is an ADD, which may be refused because the DEL before was killed early.
func (k *killer) addAgain(ctx context.Context, p *killedPod) error {
	err := k.maybe(ctx, p, "ADD")
	var e struct{ Code uint }
	if said, ok := errors.AsType[*lab.CNIError](err); ok && json.Unmarshal([]byte(said.Output), &e) == nil && e.Code == codeAttached {
		return nil
	}
	return err
}

// codeAttached is the plugin's error for an ADD without the DEL before it.
const codeAttached = 4

// maybe runs a verb, and in half of the cases kills the plugin at some moment. The
// error is of a plugin that was not hit.
func (k *killer) maybe(ctx context.Context, p *killedPod, verb string) error {
	kill, delegateToo, moment := p.chance.IntN(2) == 0, p.chance.IntN(2) == 0, p.chance.Float64()
	cmd := p.Command(ctx, verb)
	cmd.Env = append(cmd.Env, "CNI_PATH="+slowDir+":"+binaries.CNI)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	if kill {
		<-time.After(time.Duration(moment * float64(k.took.Load())))
		if delegateToo {
			p.orphaned = true
			k.killChildren(cmd.Process)
		}
		_ = cmd.Process.Kill() // unless it has ended
	}
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		k.plugins.Add(1)
		p.hit = p.hit || verb == "ADD"
		return nil
	}
	if p.refused && err != nil && (verb == "ADD" || p.hit) {
		return nil
	}
	if p.refused && verb == "ADD" {
		return fmt.Errorf("%s: ADD succeeds without an address", p)
	}
	if !kill {
		k.took.Store((k.took.Load() + int64(time.Since(start))) / 2)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p, &lab.CNIError{Command: verb, Output: stdout.String(), Err: err})
	}
	return nil
}

// killChildren kills a stopped plugin's delegate, and the plugin with it.
func (k *killer) killChildren(plugin *os.Process) {
	if plugin.Signal(syscall.SIGSTOP) != nil {
		return
	}
	for _, pid := range children(plugin.Pid) {
		child, err := os.FindProcess(pid) // by a descriptor: it stays the one
		if err != nil {
			continue
		}
		if slices.Contains(children(plugin.Pid), pid) && plugin.Kill() == nil && child.Kill() == nil {
			k.delegates.Add(1)
		}
		_ = child.Release()
	}
}

// children lists the children of a process, whichever of its threads made them.
func children(pid int) []int {
	var pids []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may have ended
		for s := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(s); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// collect collects garbage until there is nothing but what is wanted.
func (k *killer) collect(stdin object, wanted []*lab.Pod) {
	k.t.Helper()
	var left []string
	for range collections {
		k.gc(wanted[0], stdin, wanted...)
		if left = k.beyond(len(wanted)); len(left) == 0 {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	k.t.Errorf("left over after %d times GC: %s", collections, strings.Join(left, ", "))
}

// beyond lists what there is beside so many records and addresses.
func (k *killer) beyond(wanted int) []string {
	k.t.Helper()
	var left []string
	records := 0
	for _, file := range k.leftOver() {
		if filepath.Ext(file) == ".json" {
			records++
		} else if filepath.Dir(file) != addressDir+"/green" {
			left = append(left, file)
		}
	}
	if addresses := len(k.addresses()); records != wanted || addresses != wanted {
		left = append(left, fmt.Sprintf("%d records and %d addresses of %d pods", records, addresses, wanted))
	}
	return left
}

// inspect looks into a pod in the end.
func (k *killer) inspect(p *killedPod) {
	k.t.Helper()
	if p.dropped {
		return
	}
	if p.wanted {
		k.pings(p.Pod)
		return
	}
	links, err := p.Netlink().LinkList()
	k.ok(err)
	for _, l := range links {
		if name := l.Attrs().Name; name == lab.PodInterface || name != "lo" && !p.orphaned {
			k.t.Errorf("%s still has %s", p, name)
		}
	}
}
