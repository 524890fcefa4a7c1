// SPDX-License-Identifier: Apache-2.0

// Package chart tries the Helm charts of deploy: what they render, what a real API server
// makes of it, and whether the pods do what they are for, run as a kubelet would. It holds
// tests only.
package chart
