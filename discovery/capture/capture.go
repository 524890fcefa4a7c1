// SPDX-License-Identifier: Apache-2.0

// Package capture reads frames out of files: pcap, pcapng and text with hex as people
// paste it. What a frame says is for the codecs; live ports are package ether's.
package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
)

// maxFrame is the size of the largest frame that is read: the largest snap
// length of a capture.
const maxFrame = 256 << 10

// A Frame is one frame of a file.
type Frame struct {
	// ID is what the file calls the frame, else its number, counted from 1.
	ID string

	// Bytes begin with the Ethernet header. A MAC address that the file does not
	// hold is zero: both of an LLDPDU or a CDP packet alone, the destination of a
	// cooked packet.
	// They are valid until the next frame.
	Bytes []byte

	// NoHeader says that a dump holds no link header, as those of tcpdump -x do not.
	NoHeader bool
}

// Frames reads the frames of a file one by one, in the format that it begins
// like. The name serves messages. What cannot be read is an error in the place
// of a frame; what can be read after it follows.
func Frames(name string, r io.Reader) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		b := bufio.NewReader(r)
		magic, err := b.Peek(4)
		switch {
		case err != nil && err != io.EOF:
			yield(Frame{}, fmt.Errorf("read frames: %w", err))
		case beginsLike(magic, "\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1"):
			packets(name, openPcap, b, yield)
		case beginsLike(magic, "\x0a\x0d\x0d\x0a"):
			packets(name, openPcapng, b, yield)
		case beginsLike(magic, "\x1f\x8b", "\xfd7zX", "\x28\xb5\x2f\xfd"): // gzip, xz, zstd
			yield(Frame{}, fmt.Errorf("%s is compressed: unpack it first, as in \"zcat FILE | colvin decode\"", name))
		case beginsLike(magic, "\xff\xfe", "\xfe\xff"):
			yield(Frame{}, fmt.Errorf("%s is text in UTF-16, as PowerShell writes it: save it as UTF-8", name))
		default:
			textFrames(name, b, yield)
		}
	}
}

func beginsLike(magic []byte, formats ...string) bool {
	return slices.ContainsFunc(formats, func(f string) bool { return bytes.HasPrefix(magic, []byte(f)) })
}
