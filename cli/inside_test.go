// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin"
	"github.com/colvin-net/colvin/cniplugin/record"
)

// TestSee holds what becomes of a status when somebody has looked: what the container has
// not counts for more than where its device leads, and neither hides the other.
func TestSee(t *testing.T) {
	const ok, stale, unverified, down, moved = agentapi.ContainerOK, agentapi.ContainerStale, agentapi.ContainerUnverified, agentapi.ContainerDown, agentapi.ContainerMoved
	long, looked := now.Add(-time.Hour).UTC(), now.UTC().Round(0)
	at := func(s agentapi.ContainerStatus, change ...func(*shownAttachment)) shownAttachment {
		a := shownAttachment{ContainerAttachment: agentapi.ContainerAttachment{
			Device: record.Link{Name: "eth1"}, Status: s, Reason: "so " + string(s), Since: long, Exposed: true, To: "mac:00:00:5e:00:53:02 vlan 200",
		}, Unseen: "not yet"}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	taken := func(a *shownAttachment) { a.Taken = true }
	for name, tt := range map[string]struct {
		before shownAttachment
		seen   cniplugin.Finding
		want   shownAttachment
	}{
		"whole":             {at(ok), cniplugin.Finding{Sight: cniplugin.Whole}, at(ok, func(a *shownAttachment) { a.Unseen = "" })},
		"unseen":            {at(ok), cniplugin.Finding{Sight: cniplugin.Unseen, Why: "why"}, at(ok, func(a *shownAttachment) { a.Unseen = "why" })},
		"down, ok":          {at(ok), cniplugin.Finding{Sight: cniplugin.Down, Why: "why"}, shownAs(at(down), "why", looked, true)},
		"down, stale":       {at(stale), cniplugin.Finding{Sight: cniplugin.Down, Why: "why"}, shownAs(at(down), "why", looked, true)},
		"down, unverified":  {at(unverified, taken), cniplugin.Finding{Sight: cniplugin.Down, Why: "why"}, shownAs(at(down, taken), "why", looked, true)},
		"down, moved":       {at(moved), cniplugin.Finding{Sight: cniplugin.Down, Why: "why"}, shownAs(at(moved), "so moved", long, true)},
		"down, down":        {at(down), cniplugin.Finding{Sight: cniplugin.Down, Why: "why"}, shownAs(at(down), "so down", long, true)},
		"altered, ok":       {at(ok), cniplugin.Finding{Sight: cniplugin.Altered, Why: "why"}, shownAs(at(agentapi.ContainerAltered), "why", looked, true)},
		"altered, moved":    {at(moved), cniplugin.Finding{Sight: cniplugin.Altered, Why: "why"}, shownAs(at(agentapi.ContainerAltered), "why; eth1 leads to chassis mac:00:00:5e:00:53:02 VLAN 200", looked, true)},
		"missing, ok":       {at(ok), cniplugin.Finding{Sight: cniplugin.Missing, Why: "why"}, shownAs(at(agentapi.ContainerMissing), "why", looked, false)},
		"missing, down":     {at(down), cniplugin.Finding{Sight: cniplugin.Missing, Why: "why"}, shownAs(at(agentapi.ContainerMissing), "why; so down", looked, false)},
		"missing, moved":    {at(moved), cniplugin.Finding{Sight: cniplugin.Missing, Why: "why"}, shownAs(at(agentapi.ContainerMissing), "why; eth1 leads to chassis mac:00:00:5e:00:53:02 VLAN 200", looked, false)},
		"missing, taken":    {at(unverified, taken), cniplugin.Finding{Sight: cniplugin.Missing, Why: "why"}, shownAs(at(agentapi.ContainerMissing, taken), "why", looked, false)},
		"missing, returned": {at(down, taken), cniplugin.Finding{Sight: cniplugin.Missing, Why: "why"}, shownAs(at(down, taken), "so down", long, true)},
	} {
		got := tt.before
		got.see(tt.seen, now)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// shownAs is an attachment that somebody has looked at.
func shownAs(a shownAttachment, reason string, since time.Time, exposed bool) shownAttachment {
	a.Reason, a.Since, a.Exposed, a.Unseen = reason, since, exposed, ""
	return a
}

// TestLookInside holds who is looked at: whoever should have an interface. Of the others
// nothing is missing.
func TestLookInside(t *testing.T) {
	dir := left(t)
	key := func(container string) record.Key {
		return record.Key{Name: "green", ContainerID: container, IfName: "net1"}
	}
	recorded := strings.Repeat("3f2c9b", 10)
	attached := []agentapi.ContainerAttachment{
		{Key: key(recorded), Status: agentapi.ContainerOK},
		{Key: key("unknown"), Status: agentapi.ContainerUnverified},
		{Key: key("gone"), Status: agentapi.ContainerOK, Orphaned: "its network namespace is gone", Gone: now},
		{Key: key("failed"), Status: agentapi.ContainerFailed, Orphaned: "its ADD failed"},
		{Key: key("stuck"), Status: agentapi.ContainerStuck},
		{Key: key("back"), Status: agentapi.ContainerDown, Returned: &agentapi.ReturnedDevice{}},
	}
	unseen := func(dir string) []string {
		a := &app{now: func() time.Time { return now }}
		var out []string
		for _, at := range a.lookInside(t.Context(), attached, dir) {
			out = append(out, strings.ReplaceAll(at.Unseen, dir, "DIR"))
		}
		return out
	}
	reboot := "it was attached before the node rebooted"
	if os.Geteuid() != 0 {
		reboot = "only root can look into containers"
	}
	if diff := cmp.Diff([]string{reboot, "DIR has no record of it", "", "", "", ""}, unseen(dir)); diff != "" {
		t.Errorf("not looked at (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := unseen(dir); got[0] != reboot || !strings.Contains(got[1], "damaged record") {
		t.Errorf("beside a damaged record: %q", got)
	}
	file := filepath.Join(dir, "x.json")
	if got := unseen(file); !strings.Contains(got[0], "not a directory") {
		t.Errorf("of no directory: %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{now: func() time.Time { return now }}
	if got := a.lookInside(ctx, attached[:1], dir)[0]; got.Unseen == "" || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("without time: %+v", got)
	}
}
