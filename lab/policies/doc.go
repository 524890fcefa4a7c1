// SPDX-License-Identifier: Apache-2.0

// Package policies tries the accounts and admission policies of deploy/manifests: what a
// real API server and scheduler make of them. It holds tests only.
package policies
