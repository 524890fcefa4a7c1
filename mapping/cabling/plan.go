// SPDX-License-Identifier: Apache-2.0

// Package cabling judges cables: a plan, and what nodes hear, become findings. It is pure and
// knows no format: plans are read and written by package planfile, what nodes hear comes from
// agents or from the API server. Names are compared as people write them (name.go, port.go),
// and what cannot be compared is never called wrong.
package cabling

import "fmt"

// An End is one end of a cable as a plan writes it: a device and a port of it.
type End struct {
	Device string `json:"device"`
	Port   string `json:"port"`
}

// String is the end as findings show it.
func (e End) String() string { return e.Device + " " + e.Port }

// A Cable joins two ports.
type Cable struct {
	A, B End
	// NodeA is set where the plan says that A is a node, and does not leave it to be found out.
	NodeA bool
	// Future is set where the plan says that the cable is not there yet, or not for long: then
	// it is no mistake either way.
	Future bool
	// ByDescription is set where the plan's name of a port is its port description.
	ByDescription bool
	Where         Place
}

// A Place is where a plan says something.
type Place struct {
	File   string
	Line   int // from 1; 0 where there is no file
	Column int // in characters
}

// String is the place as messages begin with it; empty for none.
func (p Place) String() string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Plan says which cables there should be.
type Plan struct {
	Cables []Cable
	// Notes say what of the file is no cable that could be checked.
	Notes []string
}
