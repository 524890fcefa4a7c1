// SPDX-License-Identifier: Apache-2.0

// Package safefile opens, reads and locks files in directories that need not be the
// caller's: no link leads elsewhere, and neither a FIFO nor a device holds anybody up. It
// tells whose directories can be believed.
// Replacing files is for atomicfile. It uses the standard library only, because the CNI
// plugin links it.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// What a file is that is not opened or read.
var (
	ErrNotRegular = errors.New("it is not a regular file")
	ErrLink       = errors.New("it is a symbolic link")
	ErrTooLarge   = errors.New("it is larger than")
	ErrShrunk     = errors.New("it became shorter while it was read")
)

// Refused reports whether the error is about what the file is: not that it is missing,
// or that it may not be opened.
func Refused(err error) bool {
	return errors.Is(err, ErrNotRegular) || errors.Is(err, ErrLink) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrShrunk)
}

// newMode is of the files that are made.
const newMode fs.FileMode = 0o600

// OpenRegular opens a file, and returns its size. The errors are *fs.PathError.
func OpenRegular(path string, flag int) (f *os.File, size int64, err error) {
	f, st, err := open(path, flag, newMode)
	if err != nil {
		return nil, 0, err
	}
	return f, st.Size(), nil
}

func open(path string, flag int, mode fs.FileMode) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
	if errors.Is(err, syscall.ELOOP) {
		if st, statErr := os.Lstat(path); statErr == nil && st.Mode()&fs.ModeSymlink != 0 { // else it is above
			err = &fs.PathError{Op: "open", Path: path, Err: ErrLink}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, st, nil
}

// ReadRegular reads a file of limit octets or less, as long as it is when it is opened.
func ReadRegular(path string, limit int64) ([]byte, error) {
	f, size, err := OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w %d bytes", ErrTooLarge, limit)}
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = &fs.PathError{Op: "read", Path: path, Err: ErrShrunk}
		}
		return nil, err
	}
	return data, nil
}
