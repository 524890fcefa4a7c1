// SPDX-License-Identifier: Apache-2.0

// Package rulebook has the rules in force: it reads those of the node's file and takes
// those of the cluster, again whenever they change, and keeps the last good ones over
// mistakes and restarts. What rules mean is for package rules to say.
package rulebook
