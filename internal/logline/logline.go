// SPDX-License-Identifier: Apache-2.0

// Package logline keeps what programs log, and what they say when they fail, readable line
// by line, as the journal shows it: a text of several lines is not one with "\n" in it,
// nor are its other lines without a word of what they are about.
package logline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

// maxLines bounds how many records are made of one.
const maxLines = 20

// New returns a log of lines, in JSON where that is wanted.
func New(w io.Writer, level slog.Level, inJSON bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if inJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(Handler{slog.NewTextHandler(w, options)})
}

// A Handler makes a record for each line of an attribute that has several.
type Handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h Handler) Handle(ctx context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	at := slices.IndexFunc(attrs, func(a slog.Attr) bool { return len(linesOf(a.Value)) > 1 })
	if at < 0 {
		return h.Handler.Handle(ctx, r)
	}
	lines := linesOf(attrs[at].Value)
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("and %d more", more))
	}
	for _, line := range lines {
		attrs[at].Value = slog.StringValue(line)
		one := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		one.AddAttrs(attrs...)
		if err := h.Handle(ctx, one); err != nil { // another may have several
			return err
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h Handler) WithGroup(name string) slog.Handler { return Handler{h.Handler.WithGroup(name)} }

// linesOf are the lines of a text or an error; nothing of another value.
func linesOf(v slog.Value) []string {
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString:
		return split(v.String())
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return split(err.Error())
		}
	default:
	}
	return nil
}

func split(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// Fail says what a program failed for, and its name on each line. What others wrote is in it,
// so it does nothing to a terminal.
func Fail(w io.Writer, program string, err error) {
	for _, line := range split(err.Error()) {
		fmt.Fprintf(w, "%s: %s\n", program, fit.Printable(strings.ReplaceAll(line, "\t", " ")))
	}
}
