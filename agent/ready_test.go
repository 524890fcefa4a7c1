// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/sdnotify"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// isReady reports whether a task is.
func isReady(s starter) bool {
	select {
	case <-s.Ready():
		return true
	default:
		return false
	}
}

// TestReadyWithNodeFile holds that a loop is ready once the first node file is out, which
// neither rules nor a memory that cannot be saved hold up.
func TestReadyWithNodeFile(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks: 5\n")
		b.config.StateDirectory = filepath.Join(b.t.TempDir(), "state") // is not there
		obstacle := filepath.Join(b.config.RunDirectory, nodefile.FileName+".tmp", "x")
		if err := os.MkdirAll(obstacle, 0o700); err != nil {
			b.t.Fatal(err)
		}
		b.start()
		b.readRules()
		if isReady(b.loop) {
			b.t.Error("ready before anything is observed")
		}
		b.see()
		if isReady(b.loop) {
			b.t.Error("ready without a node file")
		}
		if err := os.RemoveAll(filepath.Dir(obstacle)); err != nil {
			b.t.Fatal(err)
		}
		time.Sleep(2 * writeEvery)
		synctest.Wait()
		if !isReady(b.loop) || b.nodeFile().Converged {
			b.t.Errorf("ready %v, with the file %+v", isReady(b.loop), b.nodeFile())
		}
		b.see(heard(sw1, 100))
		if err := b.end(); err == nil {
			b.t.Error("the memory was saved, so this tests half of it")
		}
	})
}

// A task that a test makes ready.
type slowTask chan struct{}

func (slowTask) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (slowTask) String() string                { return "slow" }
func (s slowTask) Ready() <-chan struct{}      { return s }

func TestAnnounce(t *testing.T) {
	for name, tt := range map[string]struct {
		ready int // tasks
		want  []string
	}{
		"all ready":    {2, []string{sdnotify.Ready, sdnotify.Stopping}},
		"ended before": {1, []string{sdnotify.Stopping}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []string
				log := slog.New(slog.DiscardHandler)
				slow := []slowTask{make(slowTask), make(slowTask)}
				tasks := []Task{slow[0], memoryTrimmer{giveBack, log}, slow[1]}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					done <- announcer{tasks, func(s string) error { said = append(said, s); return nil }, log}.Run(ctx)
				}()
				for i := range slow {
					synctest.Wait()
					if said != nil {
						t.Errorf("said %v when %d were ready", said, i)
					}
					if i < tt.ready {
						close(slow[i])
					}
				}
				synctest.Wait()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(tt.want, said); diff != "" {
					t.Errorf("said (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestAnnounceToNobody holds that a service manager that is gone ends nothing, and is logged.
func TestAnnounceToNobody(t *testing.T) {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := announcer{nil, func(string) error { return errors.New("it is gone") }, slog.New(slog.NewTextHandler(&log, nil))}
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if said := log.String(); strings.Count(said, `level=WARN msg="service manager is not told" error="it is gone"`) != 2 {
		t.Errorf("log:\n%s", said)
	}
}
