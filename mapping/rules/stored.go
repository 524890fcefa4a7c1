// SPDX-License-Identifier: Apache-2.0

package rules

// Stored is a Source as it is kept in files and ConfigMaps: its text can be read by
// people.
type Stored struct {
	Name string `json:"name"`
	Root string `json:"root,omitempty"`
	Data string `json:"data"`
}

// Store returns sources as they are kept. A list that is empty differs from none.
func Store(sources []Source) []Stored {
	if sources == nil {
		return nil
	}
	out := make([]Stored, 0, len(sources))
	for _, s := range sources {
		out = append(out, Stored{Name: s.Name, Root: s.Root, Data: string(s.Data)})
	}
	return out
}

// Restore returns what Store was given.
func Restore(stored []Stored) []Source {
	if stored == nil {
		return nil
	}
	out := make([]Source, 0, len(stored))
	for _, s := range stored {
		out = append(out, Source{Name: s.Name, Root: s.Root, Data: []byte(s.Data)})
	}
	return out
}
