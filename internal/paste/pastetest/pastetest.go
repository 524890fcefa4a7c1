// SPDX-License-Identifier: Apache-2.0

// Package pastetest has texts that do not survive being copied carelessly, and a shell to
// paste commands into, for tests of what packages print to be pasted.
package pastetest

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Texts are hostile: patterns, quotes, what YAML and shells read otherwise, what cannot be
// printed.
var Texts = []string{
	"eth0", "leaf1(FDO0000AAAA)", "*", "?", "(*)", "a(", "a)", "()", `\`, `a\`, `\x00`, `\*`, "[a-z]", "[", "]", "{a}", "}", ",a",
	`"`, `'`, `it's "it"`, `\"`, "`id`", "$(id)", "$HOME", "${x}", "a;b", "a|b", "a&b", "a&&b", "<a>", "!x", "!!", "#a", "a #b", "~", "-x", "--", "=x", "%a", "%s%d%n", "a=b",
	" a", "a ", "  ", "a  b", "\ta", "a\nb", "\n", "a\r\nb", "a\x00b", "\x00", "a\x1b[31m", "\x7f", "\u0085", "a\u0085b", "\u00a0", "\u2028", "\ufeff", "\ufeffa",
	"\xff", "a\xffb", "\xc3(", "\ufffd", "\u202eabc", "a\u2066b\u2069", "\u200b", "a\u3164", "\u2800", "\u034fa", "a\ufe0f", "\u115f", "e\u0301", "é", "日本", "\U0001f600", "\U000e0001",
	"a: b", "a:", ": a", "- a", "? a", "&a", "*a", "!a", "|", ">", "@a", "yes", "no", "on", "true", "null", "Null", "", "1", "007", "0x10", "1e3", "1.5", ".inf", ".nan", "1:30", "2026-01-02", "<<", "---", "...",
	"mac:00:00:5e:00:53:01", "local:a", "up", "dev", "name", "vf",
}

// Shell returns the words that bash makes of a command. Nothing is run.
func Shell(tb testing.TB, command string) []string {
	tb.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		tb.Skip("there is no bash to paste into")
	}
	if strings.ContainsRune(command, '\n') {
		tb.Fatalf("more than one line: %q", command)
	}
	cmd := exec.CommandContext(tb.Context(), path, "--norc", "-c", `printf '%s\0' `+command)
	cmd.Dir = "/" // where a * that is not quoted is something else
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("paste %q: %v", command, err)
	}
	var words []string
	for w := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		words = append(words, string(w))
	}
	return words
}
