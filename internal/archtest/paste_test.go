// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pasted are commands and matches of rules in a message, with a verb of fmt in them: the
// text that goes there comes out of the message as it went in only by package paste, and
// by rules.Exact.
var pasted = regexp.MustCompile(`\b(ip (link|addr|netns)|bridge (link|vlan)|ethtool|ovs-vsctl|chgrp|chmod|chown|install -|kubectl|systemctl|touch /|` +
	`colvin (attachments|changes|decode|explain|gc|interfaces|neighbors|networks|resolve|rules|status|topology))\b[^;,"()|\n]*%[^%]` +
	`|[{,] ?(chassis|system|port|portDescription|managementAddress|group|vlanName|node|interface): ?["']?%[^%]`)

// TestPasted holds that what is to be pasted is written by what knows how.
func TestPasted(t *testing.T) {
	fset := token.NewFileSet()
	for dir, files := range sources(t, fset) {
		if top, _, _ := strings.Cut(dir, "/"); top == "lab" || top == "hack" || strings.HasPrefix(dir, "internal/netnstest") {
			continue // what developers read
		}
		for _, f := range files {
			if isTest(fset, f) {
				continue
			}
			for n := range ast.Preorder(f) {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				if text, err := strconv.Unquote(lit.Value); err == nil && pasted.MatchString(text) {
					t.Errorf("%s: %q: what stands there comes out as it went in only by package paste, or rules.Exact in a rule", fset.Position(lit.Pos()), text)
				}
			}
		}
	}
}

func TestPastedBites(t *testing.T) {
	for text, want := range map[string]bool{
		"ip link set %s up brings it up":                      true,
		`"colvin explain %s" says why`:                        true,
		"a rule with match: [{chassis: %q, vlan: %d}]":        true,
		"chgrp %[3]s %[4]s/*.json":                            true,
		"accept it with: colvin rules replace %s %s FILE":     true,
		`%s is down; "colvin networks" lists what %s does`:    false,
		"kubectl get rulesets -o yaml | %s - | kubectl apply": false,
		"100%% by colvin rules":                               false,
	} {
		if got := pasted.MatchString(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
