// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/privatedir"
)

// put writes a file of a test.
func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// block puts a directory where a file belongs: nobody removes it, nor writes there.
func block(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, r *Record) []byte {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestListCounts holds what List reads at most, and that it says so.
func TestListCounts(t *testing.T) {
	many, full := t.TempDir(), t.TempDir()
	for i := range 4096 + 2 {
		r := sample(Key{ContainerID: fmt.Sprint(i)})
		put(t, many, idOf(r.Key)+recordSuffix, text(t, r))
	}
	if l, err := List(many); err != nil || len(l.Records) != 4096 || l.Skipped != 2 || l.Why == nil {
		t.Errorf("%d records, %d skipped, %v, %v; want 4096 and 2", len(l.Records), l.Skipped, l.Why, err)
	}
	for i := range 4 * 4096 {
		if err := os.Symlink("none", filepath.Join(full, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := List(full); err != nil || len(l.Records) != 0 || l.Skipped != 1 || l.Why == nil {
		t.Errorf("%d records, %d skipped, %v, %v; want 0 and 1", len(l.Records), l.Skipped, l.Why, err)
	}
	put(t, full, "file", nil)
	if _, err := List(filepath.Join(full, "file", "below")); err == nil {
		t.Error("what cannot be opened is listed")
	}
}

// TestListWhole holds that it leaves nothing out, and reads no more than List.
func TestListWhole(t *testing.T) {
	s, dir := open(t)
	want := sample(Key{Name: "green", ContainerID: "c1", IfName: "net1"})
	want.Result = []byte(`{"interfaces":[]}`)
	l := lock(t, s, want.Key)
	if err := errors.Join(l.Write(want), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	large := sample(Key{ContainerID: "c2"})
	large.Args = strings.Repeat("a", 16<<10)
	put(t, dir, idOf(large.Key)+recordSuffix, text(t, large))
	got, err := ListWhole(dir)
	if diff := cmp.Diff([]Record{*want}, got.Records); diff != "" || err != nil || got.Skipped != 1 {
		t.Errorf("%d skipped, %v, (-want +got):\n%s", got.Skipped, err, diff)
	}
	summary, err := List(dir)
	if err != nil || len(summary.Records) != 1 || summary.Records[0].DelegateConf != nil || summary.Records[0].Result != nil {
		t.Errorf("List: %+v, %v", summary, err)
	}
}

func TestTextIsBounded(t *testing.T) {
	for size, want := range map[int]bool{16 << 10: true, 16<<10 + 1: false} {
		r := Record{Key: Key{ContainerID: strings.Repeat("c", size-2)}, OtherIdentities: []string{"a", "b"}}
		if err := r.checkText(); (err == nil) != want {
			t.Errorf("%d bytes of text: %v", size, err)
		}
	}
}

func TestSizeIsBounded(t *testing.T) {
	s, dir := open(t)
	r := sample(Key{Name: "green"})
	data := text(t, r)
	for size, want := range map[int]bool{8 << 20: true, 8<<20 + 1: false} {
		put(t, dir, idOf(r.Key)+recordSuffix, append(data, strings.Repeat(" ", size-len(data))...))
		l := lock(t, s, r.Key)
		_, err := l.Read()
		if (err == nil) != want || !want && !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	}
}

// TestWriteIsBounded writes no record that nobody could read.
func TestWriteIsBounded(t *testing.T) {
	s, _ := open(t)
	r := sample(Key{Name: "green"})
	r.Args = "a"
	room := 8<<20 - len(text(t, r)) - len(`"version":1,`) + len(r.Args)
	for length, want := range map[int]bool{room: true, room + 1: false} {
		r.Args = strings.Repeat("a", length)
		l := lock(t, s, r.Key)
		err := l.Write(r)
		if (err == nil) != want || !want && !strings.Contains(err.Error(), "it has 8388609 octets, want at most 8388608") {
			t.Errorf("%d octets of arguments: %v", length, err)
		}
		if _, err := l.Read(); want && err != nil {
			t.Errorf("read %d octets of arguments: %v", length, err)
		}
		if err := errors.Join(l.Remove(), l.Unlock()); err != nil {
			t.Error(err)
		}
	}
}

// TestStoreListsInOrder has more records than come in order by chance, behind a file that
// is none.
func TestStoreListsInOrder(t *testing.T) {
	s, dir := open(t)
	put(t, dir, "!note", nil)
	var want, got []string
	for i := range 9 {
		r := sample(Key{Name: fmt.Sprint(i), ContainerID: fmt.Sprint(9 - i)})
		put(t, dir, idOf(r.Key)+recordSuffix, text(t, r))
		want = append(want, r.Name)
	}
	records, err := s.List()
	for i := range records {
		got = append(got, records[i].Name)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, names (-want +got):\n%s", err, diff)
	}
}

func TestPodInWords(t *testing.T) {
	for want, pod := range map[string]Pod{"no pod known": {Namespace: "default"}, "pod default/web-0": {Namespace: "default", Name: "web-0"}} {
		if got := pod.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestFailuresAreTold takes away what is worked on: nothing fails in silence.
func TestFailuresAreTold(t *testing.T) {
	key := Key{Name: "green"}
	for name, do := range map[string]func(s *Store, dir string) error{
		"open below a file": func(_ *Store, dir string) error {
			put(t, dir, "file", nil)
			_, err := Open(filepath.Join(dir, "file", "lib", "attachments"))
			return err
		},
		"open what cannot be": func(_ *Store, dir string) error {
			_, err := Open(filepath.Join(dir, strings.Repeat("x", 300)))
			return err
		},
		"unlock a closed file": func(s *Store, _ string) error {
			l := lock(t, s, key)
			_ = l.File().Close()
			return l.Unlock()
		},
		"unlock what cannot be removed": func(s *Store, _ string) error {
			l := lock(t, s, key)
			_ = os.Remove(l.path(lockSuffix))
			block(t, l.path(lockSuffix))
			return l.Unlock()
		},
		"write what is no JSON": func(s *Store, _ string) error {
			l := lock(t, s, key)
			defer func() { _ = l.Unlock() }()
			r := sample(key)
			r.DelegateConf = []byte("{")
			return l.Write(r)
		},
		"write where nothing can be": func(s *Store, _ string) error {
			l := lock(t, s, key)
			defer func() { _ = l.Unlock() }()
			block(t, l.path(recordSuffix))
			return l.Write(sample(key))
		},
		"remove what cannot be": func(s *Store, _ string) error {
			l := lock(t, s, key)
			defer func() { _ = l.Unlock() }()
			block(t, l.path(recordSuffix))
			return l.Remove()
		},
		"sweep nothing": func(s *Store, dir string) error {
			_ = os.RemoveAll(dir)
			return s.Sweep(time.Now())
		},
		"sweep a lock that is no file": func(s *Store, dir string) error {
			block(t, filepath.Join(dir, "dead.lock"))
			return s.Sweep(time.Now())
		},
		"sweep what cannot be removed": func(s *Store, dir string) error {
			block(t, filepath.Join(dir, "dead.json.tmp"))
			return s.Sweep(time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := do(open(t)); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestSweepKeeps what is no record that was written: it is not the plugin's.
func TestSweepKeeps(t *testing.T) {
	s, dir := open(t)
	block(t, filepath.Join(dir, "dir.json"))
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "fifo.json"), 0o600), os.Symlink("none", filepath.Join(dir, "link.json"))); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "torn.json", nil)
	if err := s.Sweep(time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"dir.json", "fifo.json", "link.json"}, files(t, dir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if s.worthless("torn.json", time.Now().Add(time.Hour)) {
		t.Error("what is gone is worthless")
	}
}

// TestSweepOvertaken holds that a record stays which an ADD wrote after Sweep saw that
// the one before it was worthless.
func TestSweepOvertaken(t *testing.T) {
	s, dir := open(t)
	key := Key{Name: "green"}
	name := idOf(key) + recordSuffix
	put(t, dir, name, nil)
	if !s.worthless(name, time.Now()) {
		t.Fatal("an empty record is worth something")
	}
	l := lock(t, s, key)
	if err := errors.Join(l.Write(sample(key)), l.Unlock()); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(idOf(key), name, time.Now()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{name}, files(t, dir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestModesAbove holds who may write above the records.
func TestModesAbove(t *testing.T) {
	for mode, want := range map[fs.FileMode]bool{
		0o755: true, 0o775: false, 0o757: false, 0o777: false, 0o777 | fs.ModeSticky: false,
	} {
		above := filepath.Join(privatedir.New(t), "above")
		if err := errors.Join(os.Mkdir(above, 0o700), os.Chmod(above, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(filepath.Join(above, "attachments")); (err == nil) != want {
			t.Errorf("%v: %v", mode, err)
		}
	}
}
