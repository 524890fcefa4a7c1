// SPDX-License-Identifier: Apache-2.0

package filewatch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What happens to names is told of their directory, and so is what is written through
// them. Where the file has other names, it is told of the file itself who writes.
const (
	ofWriting = unix.IN_MODIFY | unix.IN_CLOSE_WRITE
	ofNames   = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
	ofItself  = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

// A Watch tells of one file: at a path, whatever file that is.
type Watch struct {
	path, base string
	fd         *os.File
	dir, file  int // what is watched; file is -1 where its directory tells all
	inode      inode
	out        chan Event
	closed     chan struct{}
	task       sync.WaitGroup
}

// inode names a file whatever its name; the zero inode is none.
type inode struct{ dev, ino uint64 }

// Open watches the file at path, which need not be there. Its directory must.
func Open(path string) (*Watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watch{path: path, base: filepath.Base(path), fd: os.NewFile(uintptr(fd), "inotify"), file: -1, out: make(chan Event), closed: make(chan struct{})}
	dir := filepath.Dir(path)
	w.dir, err = unix.InotifyAddWatch(fd, dir, ofWriting|ofNames|ofItself|unix.IN_ONLYDIR)
	if err != nil {
		_ = w.fd.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w.follow()
	w.task.Go(w.run)
	return w, nil
}

// Events is where events arrive. It is closed where nothing is told any more, because
// the directory is gone.
func (w *Watch) Events() <-chan Event { return w.out }

// Close ends the Watch.
func (w *Watch) Close() error {
	close(w.closed)
	err := w.fd.Close()
	w.task.Wait()
	return err
}

func (w *Watch) run() {
	defer close(w.out)
	buf := make([]byte, 64<<10)
	for {
		n, err := w.fd.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			watch, mask := int(int32(binary.NativeEndian.Uint32(rest))), binary.NativeEndian.Uint32(rest[4:])
			end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(rest[12:]))
			name, _, _ := bytes.Cut(rest[unix.SizeofInotifyEvent:end], []byte{0})
			rest = rest[end:]
			if !w.tell(watch, mask, string(name)) {
				return
			}
		}
	}
}

// tell tells what an event of the kernel means, and reports whether there will be more.
func (w *Watch) tell(watch int, mask uint32, name string) bool {
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		w.follow()
		return w.send(Lost)
	case watch == w.dir && mask&(ofItself|unix.IN_IGNORED|unix.IN_UNMOUNT) != 0:
		w.send(Lost)
		return false
	case watch == w.dir && mask&ofNames != 0:
		return w.named(mask, name)
	case watch == w.file && mask&(ofItself|unix.IN_IGNORED) != 0:
		w.inode = inode{} // its number may be another file's by now
		return !w.follow() || w.send(Replaced)
	case watch == w.file && w.file >= 0, watch == w.dir && w.file < 0 && name == w.base:
		return w.written(mask)
	}
	return true
}

// named is told what became of a name in the directory. Where that is another than the
// file's, a link on the way to the file may lead elsewhere now.
func (w *Watch) named(mask uint32, name string) bool {
	other := w.follow()
	switch {
	case name != w.base:
		return !other || w.send(Replaced)
	case mask&unix.IN_CREATE != 0 && mask&unix.IN_ISDIR == 0 && w.inode != (inode{}) && w.file < 0: // by who writes to it now
		return w.send(Writing)
	}
	return w.send(Replaced)
}

func (w *Watch) written(mask uint32) bool {
	if mask&unix.IN_CLOSE_WRITE != 0 {
		return w.send(Closed)
	}
	return w.send(Writing)
}

func (w *Watch) send(e Event) bool {
	select {
	case w.out <- e:
		return true
	case <-w.closed:
		return false
	}
}

// follow looks which file is at the path, watches it where others can write to it by
// another name, and reports whether it is another than before.
func (w *Watch) follow() bool {
	now, linked := look(w.path)
	if now == w.inode {
		return false
	}
	w.inode = now
	w.control(func(fd int) {
		if w.file >= 0 {
			_, _ = unix.InotifyRmWatch(fd, uint32(w.file)) // gone with the file, perhaps
		}
		w.file = -1
		if !linked {
			return
		}
		if watch, err := unix.InotifyAddWatch(fd, w.path, ofWriting|ofItself); err == nil {
			w.file = watch
		}
	})
	return true
}

// control runs f with a descriptor that stays open meanwhile.
func (w *Watch) control(f func(fd int)) {
	if c, err := w.fd.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// look returns which file is at the path, and whether it has other names: the path is a
// link, or the file has several.
func look(path string) (file inode, linked bool) {
	name, err := os.Lstat(path)
	if err != nil {
		return inode{}, false
	}
	target, err := os.Stat(path)
	if err != nil {
		return inode{}, false
	}
	s, ok := target.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, false
	}
	return inode{uint64(s.Dev), s.Ino}, name.Mode()&fs.ModeSymlink != 0 || s.Nlink > 1 //nolint:unconvert // the sizes differ between platforms
}

// Full reports whether the file system of the file has no room, so that who wrote it
// may not have written all. One that nobody can write to has no need of any.
func Full(path string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return false
	}
	return s.Blocks > 0 && s.Bavail == 0 && s.Flags&unix.ST_RDONLY == 0
}
