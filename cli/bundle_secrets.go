// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// redacted stands for a secret.
const redacted = "(taken out)"

// secretKey is a key whose value is nobody's business.
const secretKey = `(?i:password|passwd|passphrase|secret|token|credential|private[-_]?key|api[-_]?key|client-key)`

var (
	isSecretKey = regexp.MustCompile(secretKey)
	// secretBelow is such a key whose value is more than a text of one line.
	secretBelow = regexp.MustCompile(`(?m)` + secretKey + `[\w.-]*["']?[ \t]*:[ \t]*(?:[{\[|>&*#].*)?$`)
)

// Secrets that tell what they are: keys and certificates in PEM, JSON web tokens, and
// passwords in URLs.
var secrets = []struct {
	find *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----`), redacted},
	{regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`), redacted},
	{regexp.MustCompile(`(://)[^/@\s"]+@`), `${1}` + redacted + `@`},
}

// withoutSecretTexts takes the values of such keys out of YAML. The error says that it
// cannot be told where they end.
func withoutSecretTexts(name string, data []byte) ([]byte, error) {
	if !isSecretKey.Match(data) {
		return data, nil
	}
	out, err := yamlfile.RewriteTexts(name, data, func(key, text string, _ int) string {
		if isSecretKey.MatchString(key) {
			return redacted
		}
		return text
	})
	if err != nil {
		return nil, fmt.Errorf("it speaks of secrets and is no YAML: %w", err)
	}
	if secretBelow.Match(out.Data) {
		return nil, errors.New("it speaks of secrets, and not in one line each")
	}
	return out.Data, nil
}

// withoutSecretKeys takes the values of such keys out of JSON, whatever they are.
func withoutSecretKeys(data []byte) ([]byte, error) {
	if !isSecretKey.Match(data) {
		return data, nil
	}
	var doc any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	return json.MarshalIndent(redact(doc), "", "  ")
}

func redact(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = redact(v[i])
		}
	case map[string]any:
		for key := range v {
			if isSecretKey.MatchString(key) {
				v[key] = redacted
			} else {
				v[key] = redact(v[key])
			}
		}
	}
	return v
}
