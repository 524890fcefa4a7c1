// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"log/slog"
)

// background logs what libraries do: how they start and stop tells nobody anything
// about the cluster, so it is for debugging.
type background struct{ slog.Handler }

func lowered(level slog.Level) slog.Level {
	if level >= slog.LevelInfo && level < slog.LevelWarn {
		return slog.LevelDebug
	}
	return level
}

// Enabled reports whether a record of the level is logged.
func (b background) Enabled(ctx context.Context, level slog.Level) bool {
	return b.Handler.Enabled(ctx, lowered(level))
}

// Handle logs a record.
func (b background) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return b.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds attributes.
func (b background) WithAttrs(attrs []slog.Attr) slog.Handler {
	return background{b.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that begins a group.
func (b background) WithGroup(name string) slog.Handler {
	return background{b.Handler.WithGroup(name)}
}
