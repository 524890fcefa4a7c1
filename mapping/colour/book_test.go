// SPDX-License-Identifier: Apache-2.0

package colour

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func allocate(t *testing.T, b *Book, key string, taken func(string) bool) string {
	t.Helper()
	c, err := b.Allocate(key, taken, now)
	if err != nil {
		t.Fatalf("Allocate(%q): %v", key, err)
	}
	return c
}

func TestAllocate(t *testing.T) {
	b := NewBook()
	green := allocate(t, b, "green", nil)
	later := time.Date(2026, 1, 2, 5, 0, 0, 999, time.FixedZone("CET", 3600))
	blue, err := b.Allocate("blue", func(string) bool { return false }, later)
	if err != nil {
		t.Fatal(err)
	}
	if again := allocate(t, b, "green", func(string) bool { return true }); again != green {
		t.Errorf("green got %s, then %s", green, again)
	}
	want := []Entry{
		{Colour: Preferred("green"), Identity: "green", Since: now},
		{Colour: Preferred("blue"), Identity: "blue", Since: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, b.Entries()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if c, ok := b.Colour("blue"); c != blue || !ok {
		t.Errorf("Colour(blue) = %q, %t, want %q, true", c, ok, blue)
	}
	if c, ok := b.Colour("red"); ok {
		t.Errorf("Colour(red) = %q for an identity never seen", c)
	}
}

func TestAllocateSkipsTakenNames(t *testing.T) {
	taken := map[string]bool{}
	for range size - 1 {
		c := allocate(t, NewBook(), "green", func(c string) bool { return taken[c] })
		if taken[c] {
			t.Fatalf("%s was given out though it is taken", c)
		}
		if first := Preferred("green"); len(taken) == 0 && c != first {
			t.Fatalf("got %s, want the preferred %s", c, first)
		}
		taken[c] = true
	}
	if len(taken) != size-1 {
		t.Errorf("the walk visited %d colours, want %d", len(taken), size-1)
	}
	b := NewBook()
	_, err := b.Allocate("green", func(string) bool { return true }, now)
	if !errors.Is(err, ErrShadowed) || len(b.Entries()) != 0 {
		t.Errorf("with every name taken: error %v and %d entries", err, len(b.Entries()))
	}
}

func TestAllocateRefusesKeys(t *testing.T) {
	for key, want := range map[string]string{
		"":            "allocate colour: empty identity",
		"green\xff\n": `allocate colour: identity "green\xff\n" is not valid UTF-8`,
	} {
		_, err := NewBook().Allocate(key, nil, now)
		if err == nil || err.Error() != want {
			t.Errorf("Allocate(%q) = %v, want %s", key, err, want)
		}
	}
}

// TestBookProperties allocates for random identities, in random order, again and
// again, with restarts in between.
func TestBookProperties(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		b, given := NewBook(), map[string]string{}
		taken := func(c string) bool { return strings.HasPrefix(c, "red-") }
		for range 1000 {
			key := fmt.Sprintf("chassis %d VLAN %d", random.IntN(30), random.IntN(30))
			c, err := b.Allocate(key, taken, now)
			before, known := given[key]
			switch {
			case known && (err != nil || c != before):
				t.Fatalf("seed %d: %s had %s, then %q, %v", seed, key, before, c, err)
			case !known && len(given) == maxColours:
				if !errors.Is(err, ErrTooManyUnnamed) {
					t.Fatalf("seed %d: colour number %d: %q, %v", seed, maxColours+1, c, err)
				}
				continue
			case err != nil || taken(c):
				t.Fatalf("seed %d: %s got %q, %v", seed, key, c, err)
			}
			given[key] = c
			if random.IntN(50) == 0 {
				b = reload(t, b)
			}
		}
		unique := map[string]bool{}
		for _, c := range given {
			unique[c] = true
		}
		if len(given) != maxColours || len(unique) != maxColours {
			t.Errorf("seed %d: %d identities, %d colours, want %d of both", seed, len(given), len(unique), maxColours)
		}
	}
}

// reload returns the book as it is after a restart.
func reload(tb testing.TB, b *Book) *Book {
	tb.Helper()
	data, err := b.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	loaded, err := Load(data)
	if err != nil {
		tb.Fatalf("%v in %s", err, data)
	}
	if diff := cmp.Diff(b.Entries(), loaded.Entries()); diff != "" {
		tb.Fatalf("the book changed over a restart (-want +got):\n%s", diff)
	}
	return loaded
}

const goodBook = `{
	"version": 2,
	"colours": [
		{
			"colour": "teal-heron",
			"identity": "chassis mac:00:1b:21:aa:bb:cc VLAN 100",
			"since": "2026-01-02T03:04:05Z"
		},
		{
			"colour": "red-wren",
			"identity": "chassis local:\\x09 VLAN 1",
			"since": "2025-01-02T03:04:05Z"
		}
	]
}
`

func TestBookJSON(t *testing.T) {
	b, err := Load([]byte(goodBook))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Colour: "teal-heron", Identity: "chassis mac:00:1b:21:aa:bb:cc VLAN 100", Since: now},
		{Colour: "red-wren", Identity: `chassis local:\x09 VLAN 1`, Since: now.AddDate(-1, 0, 0)},
	}
	if diff := cmp.Diff(want, b.Entries()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	data, err := b.Marshal()
	if diff := cmp.Diff(goodBook, string(data)); err != nil || diff != "" {
		t.Errorf("as JSON: %v (-want +got):\n%s", err, diff)
	}
	reload(t, NewBook())
}

func TestLoadDamaged(t *testing.T) {
	full := make([]string, maxColours+1)
	for i := range full {
		full[i] = fmt.Sprintf(`{"colour":%q,"identity":"%d","since":"2026-01-02T03:04:05Z"}`, at(uint64(i)), i)
	}
	for _, tt := range []struct{ name, data, want string }{
		{"empty", ``, "load colours: byte 0: unexpected end of JSON input"},
		{"cut short", goodBook[:70], "load colours: byte 70: unexpected end of JSON input"},
		{"zeros", strings.Repeat("\x00", 10), `load colours: byte 1: invalid character '\x00' looking for beginning of value`},
		{"two books", goodBook + goodBook, "load colours: byte 278: invalid character '{' after top-level value"},
		{"null", `null`, "load colours: version 0 is not known, want 2"},
		{"list", `[]`, "load colours: json: cannot unmarshal array into Go value of type colour.header"},
		{"no version", `{"colours":[]}`, "load colours: version 0 is not known, want 2"},
		{"later version", `{"version":3,"colors":{}}`, "load colours: version 3, want 2 at most: a later version of Colvin wrote it; install that one again"},
		{"no list", `{"version":2}`, "load colours: no colours, want a list"},
		{"unknown field", `{"version":2,"colours":[],"color":[]}`, `load colours: json: unknown field "color"`},
		{"too many", `{"version":2,"colours":[` + strings.Join(full, ",") + `]}`, "load colours: 257 colours, want at most 256"},
		{"every mistake", `{"version":2,"colours":[
			{"colour":"teal-heron","identity":"a","since":"2026-01-02T03:04:05Z"},
			{"colour":"teal-heron","identity":"b","since":"2026-01-02T03:04:05Z"},
			{"colour":"teal-pterosaur","identity":"a","since":"2026-01-02T03:04:05Z"},
			{"colour":"teal-swan","identity":""},
			null]}`, `load colours: ` + strings.Join([]string{
			`colours[1]: colour teal-heron is given already by colours[0]`,
			`colours[2]: "teal-pterosaur" is no colour`,
			`colours[2]: identity "a" has a colour already by colours[0]`,
			`colours[3]: empty identity`,
			`colours[3]: no time in since`,
			`colours[4]: "" is no colour`,
			`colours[4]: empty identity`,
			`colours[4]: no time in since`,
		}, "\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Load([]byte(tt.data))
			if err == nil || b != nil {
				t.Fatalf("Load = %v, %v, want an error", b, err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(goodBook))
	f.Add([]byte(`{"version":1,"colours":[]}`))
	f.Add([]byte(`{"version":1,"colours":[{"colour":"red-jay","identity":"\ud800","since":"0000-01-01T00:00:00+23:59"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Load(data)
		if err != nil {
			if b != nil {
				t.Fatalf("a book beside the error %v", err)
			}
			return
		}
		before := b.Entries()
		reload(t, b)
		c, err := b.Allocate("a new identity", nil, now)
		if known := slices.ContainsFunc(before, func(a Entry) bool { return a.Colour == c && a.Identity != "a new identity" }); known {
			t.Fatalf("%s was given out twice", c)
		}
		if err != nil && len(before) < maxColours {
			t.Fatal(err)
		}
	})
}
