// SPDX-License-Identifier: Apache-2.0

package statefile_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/statefile"
)

type content struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
}

var format = statefile.Format[content]{Name: "x.json", Version: 2, Limit: 100, Earlier: func(version int, data []byte) (content, error) {
	if version != 1 {
		return content{}, errors.New("not even once")
	}
	return content{Version: 2, Text: "was " + string(data)}, nil
}}

func names(t *testing.T, dir statefile.Dir) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(string(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestReadWhatWasWritten(t *testing.T) {
	dir := statefile.Dir(t.TempDir())
	if got, err := format.Read(dir); err != nil || got != (content{}) {
		t.Errorf("no file: %+v, %v", got, err)
	}
	for _, volatile := range []bool{false, true} {
		f := format
		f.Volatile = volatile
		want := content{Version: 2, Text: "kept"}
		if err := f.Write(dir, want); err != nil {
			t.Fatal(err)
		}
		got, err := f.Read(dir)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-written +read):\n%s", err, diff)
		}
	}
}

// TestWriteIsBounded holds that nothing is written which could not be read again, and
// that what was there before stays.
func TestWriteIsBounded(t *testing.T) {
	dir, want := statefile.Dir(t.TempDir()), content{Version: 2}
	room := int(format.Limit) - len("{\"version\":2,\"text\":\"\"}\n")
	for _, size := range []int{room, room + 1} {
		text := strings.Repeat("x", size)
		err := format.Write(dir, content{Version: 2, Text: text})
		if (err == nil) != (size == room) {
			t.Errorf("write %d octets of text: %v", size, err)
		}
		if err == nil {
			want.Text = text
		}
	}
	if got, err := format.Read(dir); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// TestRead holds that what is damaged, what is of a later version and what cannot be
// read are told apart, and that the version comes before all else.
func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		data    string
		want    content
		message string
		damage  bool
		later   bool
	}{
		"present":          {data: `{"version":2,"text":"a"}`, want: content{2, "a"}},
		"earlier":          {data: `{"version":1}`, want: content{2, `was {"version":1}`}},
		"earlier, unknown": {data: `{}`, message: "not even once", damage: true},
		"later":            {data: `{"version":3}`, message: "format version 3, want 2 at most: a later version of Colvin wrote it", later: true},
		"later, different": {data: `{"version":3,"text":[]}`, message: "a later version of Colvin wrote it", later: true},
		"other type":       {data: `{"version":2,"text":[]}`, message: "cannot unmarshal array", damage: true},
		"no JSON":          {data: "garbage", message: "invalid character", damage: true},
		"cut off":          {data: `{"version":2`, message: "unexpected end", damage: true},
		"empty":            {data: "", message: "unexpected end", damage: true},
		"too large":        {data: `{"version":2,"text":"` + strings.Repeat("x", 100) + `"}`, message: "it is larger than 100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := statefile.Dir(t.TempDir())
			if err := os.WriteFile(dir.Path("x.json"), []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := format.Read(dir)
			if got != tt.want {
				t.Errorf("read %+v, want %+v", got, tt.want)
			}
			if (err != nil) != (tt.message != "") || err != nil && (!strings.HasPrefix(err.Error(), "read "+dir.Path("x.json")+": ") || !strings.Contains(err.Error(), tt.message)) {
				t.Errorf("error %v, want one with %q", err, tt.message)
			}
			if errors.Is(err, statefile.ErrLater) != tt.later {
				t.Errorf("%v: later %v, want %v", err, !tt.later, tt.later)
			}
			why := dir.Recover("x.json", err)
			if (why == nil) != (err == nil) || !errors.Is(why, err) {
				t.Errorf("recover says %v of %v", why, err)
			}
			want := []string{"x.json"}
			if tt.damage {
				want[0] += ".damaged"
			}
			if tt.later {
				want[0] += ".later"
			}
			if diff := cmp.Diff(want, names(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadNoFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
	} {
		dir := statefile.Dir(t.TempDir())
		if err := put(dir.Path("x.json")); err != nil {
			t.Fatal(err)
		}
		_, err := format.Read(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if why := dir.Recover("x.json", err); !errors.Is(why, err) || !slices.Equal(names(t, dir), []string{"x.json"}) {
			t.Errorf("%s: %v, files %v", name, why, names(t, dir))
		}
	}
}

func TestSetAside(t *testing.T) {
	dir, why := statefile.Dir(t.TempDir()), errors.New("why")
	if err := dir.SetAside("x.json", why); err == nil || errors.Is(err, why) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(dir.Path("x.json"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dir.SetAside("x.json", why); !errors.Is(err, why) {
		t.Errorf("error %v, want one that says why", err)
	}
	if got, err := os.ReadFile(dir.Path("x.json.damaged")); err != nil || string(got) != "garbage" {
		t.Errorf("set aside: %q, %v", got, err)
	}
}
