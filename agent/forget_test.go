// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/mapping"
)

// TestForget has a port pinned on which a switch led elsewhere: the pin counts once the switch
// is forgotten, over restarts too, and not while it is heard.
func TestForget(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.write("rules.yaml", "networks:\n  - name: green\n    match: [{node: \"node*\", interface: \"eth*\", silent: now}]\n  - name: blue\n    match: [{vlan: 200}]\n")
		b.start()
		b.see()
		b.stop() // what is pinned now is not afterwards: another boot
		b.boot = "boot-2"
		b.start()
		b.see(heard(sw1, 200))
		b.stand(sw1, 200)
		b.expect("heard", "blue eth1 fresh")
		if _, err := b.loop.Forget(b.t.Context(), "eth1"); !errors.As(err, new(agentapi.Refusal)) {
			t.Errorf("what is heard is forgotten: %v", err)
		}
		if _, err := b.loop.Forget(b.t.Context(), "eth7"); !errors.As(err, new(agentapi.Refusal)) {
			t.Errorf("a port that is none is forgotten: %v", err)
		}
		time.Sleep(30 * time.Hour)
		b.see()
		b.expect("silent", "blue eth1 unverified")
		if diff := cmp.Diff([]mapping.ConditionType{mapping.PinContradicted}, b.conditions()); diff != "" {
			t.Errorf("silent (-want +got):\n%s", diff)
		}

		got, err := b.loop.Forget(b.t.Context(), "eth1")
		want := agentapi.Forgotten{Interface: "eth1", Neighbor: "leaf-1, chassis mac:00:00:5e:00:53:01 port ifname:p1 (VLAN 200)"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("forgotten: %v (-want +got):\n%s", err, diff)
		}
		b.expect("forgotten", "green eth1 pinned") // when the answer comes, it is so
		remembered := b.state().Memory.Material()
		b.see()
		if diff := cmp.Diff(remembered, b.state().Memory.Material()); diff != "" {
			t.Errorf("what follows was not remembered at once (-with the answer +a step later):\n%s", diff)
		}
		b.stop()
		b.start()
		b.see()
		b.expect("forgotten, and restarted", "green eth1 pinned")
		b.see(heard(sw1, 200))
		b.expect("it is back", "blue eth1 fresh", "green eth1 unverified")
		for _, a := range b.state().View.Uplinks {
			if a.Usable {
				t.Errorf("%s is usable where a switch contradicts the pin", a.Name)
			}
		}
		if got, err := b.loop.Forget(b.t.Context(), "eth1"); !errors.As(err, new(agentapi.Refusal)) {
			t.Errorf("%+v is forgotten: %v", got, err)
		}
	})
}

// TestForgetUnheard has nobody listen: there is no Step that could forget, and who waits for
// one gets no answer.
func TestForgetUnheard(t *testing.T) {
	playAgent(t, func(b *bench) {
		b.start()
		b.see()
		b.snapshots.beDeaf(true)
		ctx, cancel := context.WithTimeout(b.t.Context(), forgetTimeout)
		defer cancel()
		if _, err := b.loop.Forget(ctx, "eth1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("unheard: %v", err)
		}
		b.snapshots.beDeaf(false)
		b.see()
		synctest.Wait()
		if got, err := b.loop.Forget(b.t.Context(), "eth1"); err != nil || got.Neighbor != "" {
			t.Errorf("heard again: %+v, %v", got, err)
		}
	})
}

// TestForgetOverTheSocket holds who may tell the agent to forget: who could write its memory.
func TestForgetOverTheSocket(t *testing.T) {
	var log bytes.Buffer
	server := NewServer(filepath.Join(t.TempDir(), agentapi.SocketName), nil, nil, slog.New(slog.NewTextHandler(&log, nil)))
	answers := map[string]error{"eth1": nil, "eth2": agentapi.Refusal{Why: "leaf-1 is heard there"}, "eth3": errors.New("the loop is gone")}
	asked, started := 0, time.Now()
	server.OnForget(func(ctx context.Context, ifname string) (agentapi.Forgotten, error) {
		asked++
		if ends, ok := ctx.Deadline(); !ok || ends.Before(started.Add(5*time.Second)) || ends.After(time.Now().Add(5*time.Second)) {
			t.Errorf("the loop may take until %v, want 5 s", ends)
		}
		return agentapi.Forgotten{Interface: ifname, Neighbor: "leaf-1"}, answers[ifname]
	})
	w := httptest.NewRecorder()
	server.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, agentapi.ForgetPath+"?interface=eth1", http.NoBody))
	if w.Code != http.StatusForbidden || asked != 0 {
		t.Errorf("who comes by no socket is answered %d: %s", w.Code, w.Body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	<-server.Ready()
	for ifname, want := range map[string]string{
		"eth1": "", "eth2": "leaf-1 is heard there", "eth3": "ask agent at " + server.path + ": the loop is gone",
	} {
		got, err := agentapi.Forget(t.Context(), server.path, ifname)
		switch {
		case want == "":
			if err != nil || got != (agentapi.Forgotten{Interface: ifname, Neighbor: "leaf-1"}) {
				t.Errorf("%s: %+v, %v", ifname, got, err)
			}
		case err == nil || err.Error() != want || errors.As(err, new(agentapi.Refusal)) != (ifname == "eth2"):
			t.Errorf("%s: %v, want %s", ifname, err, want)
		}
	}
	asked = 0
	const refused = "only root, or the user that colvind runs as, may have it forget: run colvin forget as root"
	if tried, err := forgetAsAnother(t, server.path); tried && (err == nil || err.Error() != refused || asked != 0) {
		t.Errorf("another user: %v, want %s", err, refused)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, fmt.Sprint("interface=eth1 neighbor=leaf-1 uid=", os.Geteuid())) {
		t.Errorf("log:\n%s", said)
	}
}

// TestMayForget holds the same of users that a test cannot become.
func TestMayForget(t *testing.T) {
	for _, tt := range []struct {
		uid, agent uint32
		want       bool
	}{{0, 0, true}, {0, 7, true}, {7, 7, true}, {7, 0, false}, {1, 0, false}, {1, 7, false}} {
		if got := mayForget(tt.uid, tt.agent); got != tt.want {
			t.Errorf("user %d, of an agent that runs as %d: %t, want %t", tt.uid, tt.agent, got, tt.want)
		}
	}
}

// TestForgetNobody holds that who gives an order to a Loop that does not run waits no longer
// than it wants to.
func TestForgetNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.build()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := b.loop.Forget(ctx, "eth1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
