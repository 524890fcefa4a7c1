// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"

	"github.com/colvin-net/colvin/mapping"
)

// damage is what could not be read of an earlier run, for as long as the agent runs.
type damage struct {
	log        *slog.Logger
	conditions []mapping.Condition
}

// note adds what could not be read.
func (d *damage) note(err error) {
	if err == nil {
		return
	}
	d.log.Error("state of an earlier run cannot be used", "error", err)
	d.conditions = append(d.conditions, mapping.Condition{Type: mapping.StateDamaged, Message: err.Error()})
}

// Conditions say what is lost.
func (d *damage) Conditions() []mapping.Condition { return d.conditions }
