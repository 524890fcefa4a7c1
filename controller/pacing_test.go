// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

func versionOf(name string, uid types.UID, version int) *v1alpha1.NodeTopology {
	return &v1alpha1.NodeTopology{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid, ResourceVersion: strconv.Itoa(version)}}
}

// TestPacing has one node change with every look, and another as often as an agent writes.
func TestPacing(t *testing.T) {
	var p pacing
	begin := time.Unix(1e9, 0)
	const every, looks = 50 * time.Millisecond, 20 * 60 // a minute
	taken, last := 0, ""
	for i := range looks {
		now := begin.Add(time.Duration(i) * every)
		calm := i * int(every) / int(15*time.Second)
		all := []*v1alpha1.NodeTopology{versionOf("wild", "w", i), versionOf("calm", "c", calm)}
		rest := p.take(all, now)
		if all[0].ResourceVersion != last {
			taken, last = taken+1, all[0].ResourceVersion
		}
		if all[1].ResourceVersion != strconv.Itoa(calm) {
			t.Fatalf("after %v: the calm node is at version %s, not %d", now.Sub(begin), all[1].ResourceVersion, calm)
		}
		waits := last != strconv.Itoa(i)
		if waits != (rest > 0) || rest > takeEvery+time.Millisecond || waits && rest != p.wait("wild", now) {
			t.Fatalf("after %v: at version %s, %v to wait; %v", now.Sub(begin), last, rest, p.wait("wild", now))
		}
	}
	if want := takeBurst + int(looks*every/takeEvery); taken < want-1 || taken > want+1 {
		t.Errorf("%d versions were taken, want %d", taken, want)
	}
	after := begin.Add(looks * every)
	p.take([]*v1alpha1.NodeTopology{versionOf("wild", "w", looks)}, after)
	rest := p.take([]*v1alpha1.NodeTopology{versionOf("wild", "w", looks+1)}, after)
	if again := p.take([]*v1alpha1.NodeTopology{versionOf("wild", "w", looks+1)}, after.Add(rest)); rest == 0 || again != 0 {
		t.Errorf("%v to wait, and then %v", rest, again)
	}
}

// TestPacingForgets holds that who is gone is forgotten, but not so soon that coming back would
// be a way around.
func TestPacingForgets(t *testing.T) {
	var p pacing
	now := time.Unix(1e9, 0)
	for i := range takeBurst - 1 {
		p.take([]*v1alpha1.NodeTopology{versionOf("n", types.UID(strconv.Itoa(i)), i)}, now)
		p.take(nil, now)
	}
	all := []*v1alpha1.NodeTopology{versionOf("n", "another", 1)}
	if p.take(all, now); all[0].UID != "another" {
		t.Error("the last one that may be is not taken")
	}
	all[0] = versionOf("n", "and another", 1)
	if rest := p.take(all, now); rest == 0 || all[0].UID != "another" {
		t.Errorf("taken: %s", all[0].UID)
	}
	p.take(nil, now.Add((takeBurst-1)*takeEvery))
	if len(p.nodes) != 1 {
		t.Error("forgotten too soon")
	}
	if p.take(nil, now.Add(takeBurst*takeEvery)); len(p.nodes) != 0 {
		t.Error("not forgotten")
	}
}
