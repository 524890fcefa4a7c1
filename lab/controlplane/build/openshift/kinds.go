// SPDX-License-Identifier: Apache-2.0

// Package openshift pins the kinds of OpenShift that tests show the chart to.
package openshift

import _ "github.com/openshift/api/security/v1/zz_generated.crd-manifests" // SecurityContextConstraints
