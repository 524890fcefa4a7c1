// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
)

// abandoned attaches a container, and ends its namespace without DEL.
func (b *bench) abandoned(id string) {
	b.t.Helper()
	netns, container := b.args.Netns, b.args.ContainerID
	b.args.ContainerID, b.args.Netns = id, filepath.Join(b.dir, "netns-"+id)
	b.must(os.WriteFile(b.args.Netns, nil, 0o600))
	b.must(b.do(b.plugin.Add))
	b.must(os.Remove(b.args.Netns))
	b.args.ContainerID, b.args.Netns = container, netns
}

// ADD and DEL collect a little of what is gone for certain, so that somebody does where
// nobody calls GC.
func TestTidy(t *testing.T) {
	for name, verb := range map[string]func(*bench) error{
		"ADD": func(b *bench) error { return b.do(b.plugin.Add) },
		"DEL": func(b *bench) error { return b.do(b.plugin.Del) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.conf["ipam"] = map[string]any{"type": ipamName}
			b.writeNode()
			for i := range 3 { // each sees the one before
				b.abandoned(fmt.Sprint("gone", i))
			}
			b.must(os.Remove(b.script.Log))
			b.args.ContainerID = "mine"
			b.must(verb(b))
			freed := 0
			for _, c := range b.calls() {
				if strings.HasPrefix(c.ContainerID, "gone") {
					freed++
				}
			}
			if freed != 1 { // gone2; the others went in its ADD and that before
				t.Errorf("%d were collected, want 1: %+v", freed, b.calls())
			}
			want := "node1: network \"green\": container gone2 (pod default/web-0) is gone, and net1 is detached that it had in \"green\""
			if said := b.stderr.String(); !strings.Contains(said, want) {
				t.Errorf("said %q, want %q", said, want)
			}
		})
	}
}

// tidyBench has containers that are gone, of which nothing was collected.
func tidyBench(t *testing.T, gone int) *bench {
	t.Helper()
	b := newBench(t)
	b.conf["ipam"] = map[string]any{"type": ipamName}
	b.writeNode()
	for i := range gone {
		b.args.ContainerID = fmt.Sprint("gone", i)
		b.must(b.do(b.plugin.Add))
	}
	b.must(errors.Join(os.Remove(b.args.Netns), os.Remove(b.script.Log)))
	b.args.ContainerID = "mine"
	return b
}

// What it does is bounded, and what is not gone for certain stays.
func TestTidyIsBounded(t *testing.T) {
	b := tidyBench(t, 5)
	b.must(b.do(b.plugin.Del))
	b.wantRecords(5 - tidyMost)
	b.must(b.do(b.plugin.Del))
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)

	b = tidyBench(t, 2)
	b.must(os.WriteFile(b.args.Netns, nil, 0o600)) // another's: it is none, so nobody knows
	b.must(b.do(b.plugin.Del))
	b.wantRecords(2)
}

// What cannot be detached is left for a while, and costs the next no time.
func TestTidyTriesLater(t *testing.T) {
	b := tidyBench(t, 1)
	b.plugin.now = time.Now
	b.failNow(refuses(), refuses())
	b.must(b.do(b.plugin.Del))
	calls := countOf(b, "gone0")
	b.wantRecords(1)
	if r := b.theRecord(); r.Stuck != "host-local DEL: DEL: no" {
		t.Errorf("stuck for %q", r.Stuck)
	}
	b.must(b.do(b.plugin.Del))
	if after := countOf(b, "gone0"); calls == 0 || after != calls {
		t.Errorf("%d calls for what is gone, then %d", calls, after)
	}
	b.plugin.now = func() time.Time { return time.Now().Add(tidyAgain + time.Second) }
	b.failNow(nil, map[string]string{})
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
}

func countOf(b *bench, container string) (n int) {
	for _, c := range b.calls() {
		if c.ContainerID == container {
			n++
		}
	}
	return n
}

// A delegate that hangs holds nobody up for longer than a moment.
func TestTidyHangs(t *testing.T) {
	b := tidyBench(t, 2)
	b.must(errors.Join(os.Remove(filepath.Join(b.dir, "bin", ipamName)), os.WriteFile(filepath.Join(b.dir, "bin", ipamName), []byte("#!/bin/sh\ncase $CNI_CONTAINERID in gone*) exec sleep 60;; esac\n"), 0o700)))
	start := time.Now()
	b.must(b.do(b.plugin.Del))
	if took := time.Since(start); took > 5*tidyTime {
		t.Errorf("took %v", took)
	}
	b.wantRecords(2)
}

// BenchmarkTidy is what a call pays for looking where nothing is to be done.
func BenchmarkTidy(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "records")
	store, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	p := New()
	boot, err := p.bootID()
	if err != nil {
		b.Fatal(err)
	}
	var mount uint64
	if mount, err = inode(ownMount); err != nil {
		b.Fatal(err)
	}
	here, err := inode(ownNetns)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 200 {
		key := record.Key{Name: "net", ContainerID: fmt.Sprint(i), IfName: "net1"}
		l, err := store.Lock(b.Context(), key)
		if err != nil {
			b.Fatal(err)
		}
		r := &record.Record{Key: key, Phase: record.Added, BootID: boot, Netns: record.Netns{Path: ownNetns, Inode: here, Mount: mount}, DelegateType: "macvlan", DelegateConf: []byte(`{}`)}
		if err := errors.Join(l.Write(r), l.Unlock()); err != nil {
			b.Fatal(err)
		}
	}
	p.records = dir
	c := &conf{}
	for b.Loop() {
		p.tidy(c, "")
	}
}
