// SPDX-License-Identifier: Apache-2.0

package colour

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/colvin-net/colvin/mapping/identity"
)

// maxColours is the number of colours that may be given out. A cluster that wants more
// needs rules: nobody tells hundreds of birds apart.
const maxColours = 256

// version is the format of a Book as JSON. Version 1 had identities as they were known
// before there were keys.
const version = 2

// ErrLater is returned for a Book that a later version of Colvin has written.
var ErrLater = errors.New("a later version of Colvin wrote it; install that one again")

// What keeps an identity from having a colour.
var (
	// ErrTooManyUnnamed is returned when all colours are given.
	ErrTooManyUnnamed = errors.New("too many networks without a name: name some of them with rules")
	// ErrShadowed is returned when those that are not given are names in use.
	ErrShadowed = errors.New("rules could give the name of every colour that is left, such as by {vlanName} alone: begin such a name with a word of its own, or name this network with a rule")
)

// A Book records which identity has which colour. An identity keeps its colour for
// good, and a colour is never given out again. A Book is not safe for concurrent
// use.
type Book struct {
	entries []Entry
}

// NewBook returns a Book of the entries, oldest first: those of a record that is kept
// elsewhere.
func NewBook(entries ...Entry) *Book { return &Book{entries: append([]Entry{}, entries...)} }

// An Entry says that an identity has a colour.
type Entry struct {
	Colour   string    `json:"colour"`
	Identity string    `json:"identity"`
	Since    time.Time `json:"since"`
}

// state is a Book as JSON.
type state struct {
	Version int     `json:"version"`
	Colours []Entry `json:"colours"`
}

// header is what every version of the format has: it is read first, because the
// rest of a later one may well look different.
type header struct {
	Version int `json:"version"`
}

// Entries returns all entries, oldest first.
func (b *Book) Entries() []Entry { return slices.Clone(b.entries) }

// Colour returns the colour that key has.
func (b *Book) Colour(key string) (string, bool) {
	i := slices.IndexFunc(b.entries, func(e Entry) bool { return e.Identity == key })
	if i < 0 {
		return "", false
	}
	return b.entries[i].Colour, true
}

// Allocate returns the colour that key has, or else gives it one: the preferred
// one, or the first in an order of key's own that nobody has and that taken (which
// may be nil) does not report as a name in use. The error is ErrTooManyUnnamed or
// ErrShadowed where there is none.
func (b *Book) Allocate(key string, taken func(string) bool, now time.Time) (string, error) {
	if c, ok := b.Colour(key); ok {
		return c, nil
	}
	if err := checkIdentity(key); err != nil {
		return "", fmt.Errorf("allocate colour: %w", err)
	}
	c, err := b.free(key, taken)
	if err != nil {
		return "", fmt.Errorf("allocate colour for %s: %w", key, err)
	}
	since := now.UTC().Truncate(time.Second)
	b.entries = append(b.entries, Entry{Colour: c, Identity: key, Since: since})
	return c, nil
}

// free returns the colour to give to key.
func (b *Book) free(key string, taken func(string) bool) (string, error) {
	if len(b.entries) >= maxColours {
		return "", ErrTooManyUnnamed
	}
	given := make(map[string]bool, len(b.entries))
	for _, e := range b.entries {
		given[e.Colour] = true
	}
	number, step := walk(key)
	for range size {
		if c := at(number); !given[c] && (taken == nil || !taken(c)) {
			return c, nil
		}
		number += step
	}
	return "", ErrShadowed
}

// checkIdentity refuses what JSON could not give back unchanged, since its colour
// would not survive a restart.
func checkIdentity(key string) error {
	switch {
	case key == "":
		return errors.New("empty identity")
	case !utf8.ValidString(key):
		return fmt.Errorf("identity %q is not valid UTF-8", key)
	}
	return nil
}

// Marshal returns the Book as JSON, as Load reads it.
func (b *Book) Marshal() ([]byte, error) {
	data, err := json.MarshalIndent(state{Version: version, Colours: b.entries}, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// Load reads a Book from JSON. It is strict: a record of who has which colour that
// is wrong in one place is not to be relied on in another. All mistakes are
// reported. The data is the only record there is, so a caller that gets an error
// keeps it rather than write over it.
func Load(data []byte) (*Book, error) {
	entries, err := parse(data)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("load colours: byte %d: %w", syntax.Offset, err)
	}
	if err != nil {
		return nil, fmt.Errorf("load colours: %w", err)
	}
	return &Book{entries: entries}, nil
}

// parse reads and checks the entries.
func parse(data []byte) ([]Entry, error) {
	var head header
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	switch {
	case head.Version > version:
		return nil, fmt.Errorf("version %d, want %d at most: %w", head.Version, version, ErrLater)
	case head.Version < 1:
		return nil, fmt.Errorf("version %d is not known, want %d", head.Version, version)
	}
	var s state
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, err
	}
	if s.Colours == nil {
		return nil, errors.New("no colours, want a list")
	}
	if head.Version == 1 {
		for i := range s.Colours {
			s.Colours[i].Identity = string(identity.UpgradeColour(s.Colours[i].Identity))
		}
	}
	return s.Colours, check(s.Colours)
}

// check reports everything wrong with entries.
func check(entries []Entry) error {
	if n := len(entries); n > maxColours {
		return fmt.Errorf("%d colours, want at most %d", n, maxColours)
	}
	var errs []error
	colours, identities := map[string]int{}, map[string]int{}
	for i, e := range entries {
		complain := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("colours[%d]: "+format, append([]any{i}, args...)...))
		}
		if _, ok := Hex(e.Colour); !ok {
			complain("%q is no colour", e.Colour)
		} else if first, ok := colours[e.Colour]; ok {
			complain("colour %s is given already by colours[%d]", e.Colour, first)
		} else {
			colours[e.Colour] = i
		}
		if err := checkIdentity(e.Identity); err != nil {
			complain("%w", err)
		} else if first, ok := identities[e.Identity]; ok {
			complain("identity %q has a colour already by colours[%d]", e.Identity, first)
		} else {
			identities[e.Identity] = i
		}
		if e.Since.IsZero() {
			complain("no time in since")
		}
	}
	return errors.Join(errs...)
}
