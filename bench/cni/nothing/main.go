// SPDX-License-Identifier: Apache-2.0

// Command nothing is a plugin that does nothing: what a program costs that is started.
package main

func main() {}
