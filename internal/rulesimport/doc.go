// SPDX-License-Identifier: Apache-2.0

// Package rulesimport turns the maps of interfaces that people typed by hand into rules,
// as far as no switch tells them already: NetworkAttachmentDefinitions of which each node
// has its own, InterfaceMaps of Surveyor CNI, and tables. It guesses nothing: what it
// cannot know, or what contradicts the wire, it says instead.
package rulesimport
