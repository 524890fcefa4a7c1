// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Connection is address and credentials of the API server: those in the file, or without
// one those that a pod has.
func Connection(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read %s, which --kubeconfig names: %w; name the file with address and credentials of the API server", kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, fmt.Errorf("no --kubeconfig is given, and %s runs in no pod (%w); give it the file with address and credentials of the API server: --kubeconfig FILE", Name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the pod's service account: %w; or give --kubeconfig FILE", err)
	}
	return config, nil
}
