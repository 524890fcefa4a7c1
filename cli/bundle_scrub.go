// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/scrub"
)

// scrub replaces addresses and names in everything that was gathered. The files are made
// of that, so that they are what the commands would say on a node whose names these are.
func (b *bundled) scrub() {
	s := scrub.New()
	s.LearnName(scrub.Node, b.hostname)
	documents := []any{b.state, b.nodeFile, b.attached, map[string]any{"changes": b.changes.Changes}, b.records}
	for _, d := range documents {
		if data, err := json.Marshal(d); err == nil {
			_ = s.Learn(data) // JSON
		}
	}
	for _, t := range b.texts {
		s.LearnYAML(t.data)
	}
	for _, m := range b.missing {
		s.LearnText(m)
	}
	s.LearnText(b.problem)
	b.leaveOutReasons()

	b.scrubber = s
	asked := b.state != nil
	b.scrubInto("state", &b.state)
	if asked && b.state == nil {
		b.noAnswer = errors.New("what it said could not be scrubbed")
	}
	b.scrubInto("networks.json", &b.nodeFile)
	b.scrubInto("attachments", &b.attached)
	b.scrubInto("records", &b.records)
	changes := map[string][]agentapi.Change{"changes": b.changes.Changes}
	b.scrubInto("changes", &changes)
	b.changes.Changes = changes["changes"]
	b.problem = s.Text(b.problem)
	for i := range b.missing {
		b.missing[i] = s.Text(b.missing[i])
	}
	for i := range b.versions {
		b.versions[i][1] = s.Text(b.versions[i][1])
	}
	b.scrubTexts()
}

// scrubInto replaces in a value, by way of its JSON. One that cannot be scrubbed is left
// out.
func (b *bundled) scrubInto(name string, v any) {
	data, err := json.Marshal(v)
	if err == nil {
		data, err = b.scrubber.JSON(data)
	}
	empty := reset(v)
	if err == nil && empty {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		reset(v)
		b.lacks(name, err)
	}
}

// reset forgets what a pointer leads to, so that nothing of it is left.
func reset(v any) bool { return json.Unmarshal([]byte("null"), v) == nil }

// leftOut stands for a text that may name what nobody knows any more.
const leftOut = "(left out: it may name what is gone)"

// leaveOutReasons leaves only those reasons of changes that hold still: of the names in
// others nobody knows that they are names.
func (b *bundled) leaveOutReasons() {
	known := map[string]bool{"": true}
	if b.state != nil {
		for i := range b.state.View.Conditions {
			known[b.state.View.Conditions[i].Message] = true
		}
		for i := range b.state.View.Uplinks {
			known[b.state.View.Uplinks[i].Reason] = true
		}
	}
	for i := range b.changes.Changes {
		if c := &b.changes.Changes[i]; !known[c.Reason] {
			c.Reason = leftOut
		}
	}
}

func (b *bundled) scrubTexts() {
	texts := b.texts
	b.texts = nil
	for _, t := range texts {
		data, err := b.scrubber.YAML(t.data)
		if err != nil {
			b.lacks(t.name, err)
			continue
		}
		b.texts = append(b.texts, packed{t.name, data})
	}
}
