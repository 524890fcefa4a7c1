// SPDX-License-Identifier: Apache-2.0

// Package difftest holds tests only: they compare what package lldp decodes with
// what tshark says of the same frames, which scapy made at random or real
// speakers sent.
package difftest
