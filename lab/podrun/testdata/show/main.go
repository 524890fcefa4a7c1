// SPDX-License-Identifier: Apache-2.0

// Command show prints files, as what a container sees of itself. It writes into those that
// follow -write, and with -stay ends by SIGKILL only.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	write := false
	for _, arg := range os.Args[1:] {
		switch {
		case arg == "-write":
			write = true
		case arg == "-stay":
			told := make(chan os.Signal, 1)
			signal.Notify(told, syscall.SIGTERM)
			fmt.Println("staying")
			for range told {
			}
		case write:
			must(os.WriteFile(arg, []byte("written"), 0o644))
		default:
			b, err := os.ReadFile(arg)
			must(err)
			_, err = os.Stdout.Write(b)
			must(err)
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "show:", err)
		os.Exit(3)
	}
}
