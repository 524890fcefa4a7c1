// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"bytes"
	"slices"
)

// ReadTrustedFor is ReadTrusted for who wants one network: the others are passed over
// unread, for on a node with many of them reading takes longer than all else. Where there is
// no way into it the file is read whole.
func ReadTrustedFor(path, network string) (*File, error) {
	return readTrusted(path, decoderFor(network))
}

func decoderFor(network string) decoder {
	return func(data []byte) (*File, Problem, error) {
		if reduced, found := reduce(data, network); found {
			if f, problem, err := decode(reduced); err == nil && len(f.Lookup(network)) > 0 {
				return f, problem, nil
			}
		}
		return decode(data)
	}
}

// reduce leaves out all networks but those of a name, and reports whether there is any. It
// understands only what Write writes: without blanks, and with the name first.
func reduce(data []byte, network string) (reduced []byte, found bool) {
	start, ok := networksOf(data)
	if !ok {
		return nil, false
	}
	prefix := slices.Concat([]byte(`{"name":"`), []byte(network), []byte(`",`))
	reduced = slices.Clone(data[:start])
	for at := start; at < len(data) && data[at] == '{'; {
		end := skip(data, at)
		if end < 0 || end >= len(data) {
			return nil, false
		}
		if bytes.HasPrefix(data[at:], prefix) {
			if found {
				reduced = append(reduced, ',')
			}
			reduced, found = append(reduced, data[at:end]...), true
		}
		switch data[end] {
		case ',':
			at = end + 1
		case ']':
			return append(reduced, data[end:]...), found
		default:
			return nil, false
		}
	}
	return nil, false
}

// networksOf is where the first network begins.
func networksOf(data []byte) (start int, ok bool) {
	const key = `"networks":[`
	if len(data) == 0 || data[0] != '{' {
		return 0, false
	}
	for at := 1; at < len(data) && data[at] == '"'; {
		if bytes.HasPrefix(data[at:], []byte(key)) {
			return at + len(key), true
		}
		if at = skip(data, at); at < 0 || at >= len(data) || data[at] != ':' {
			return 0, false
		}
		if at = skip(data, at+1); at < 0 || at >= len(data) || data[at] != ',' {
			return 0, false
		}
		at++
	}
	return 0, false
}

// skip is the end of the value at a place, and negative where that has none.
func skip(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			if at = skipString(data, at); at < 0 {
				return at
			}
			at--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return at // of what the value is in
			}
		case ',', ':':
			if depth == 0 {
				return at
			}
		}
		at++
		if depth == 0 && (data[at-1] == '"' || data[at-1] == '}' || data[at-1] == ']') {
			return at
		}
	}
	return -1
}

// skipString is the end of the string at a place, and negative where that has none.
func skipString(data []byte, at int) int {
	for at++; at < len(data); at++ {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		escaped := 0
		for data[at-1-escaped] == '\\' {
			escaped++
		}
		if escaped%2 == 0 {
			return at + 1
		}
	}
	return -1
}
