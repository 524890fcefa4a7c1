// SPDX-License-Identifier: Apache-2.0

// Command lookup is a CNI plugin that asks a server over TLS which device to
// use, and lets another plugin do the rest.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/colvin-net/colvin/bench/cni/meta"
)

func main() { meta.Main(lookUp) }

func lookUp(ctx context.Context, c *meta.Conf) error {
	device, err := ask(ctx, c)
	if err != nil {
		return fmt.Errorf("look up device: %w", err)
	}
	c.Delegate["master"] = device
	return nil
}

func ask(ctx context.Context, c *meta.Conf) (string, error) {
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return "", fmt.Errorf("%s holds no certificate", c.CAFile)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	var answer struct {
		Device string `json:"device"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("parse answer: %w", err)
	}
	return answer.Device, nil
}
