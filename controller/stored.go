// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/colvin-net/colvin/controller/plan"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

const (
	// rulesName is the ConfigMap with the rules that were in force last.
	rulesName = "colvin-rules"
	rulesKey  = "rules.json.gz"

	// maxStored is what a ConfigMap holds, less something for its metadata; maxRules is
	// what that may unfold to.
	maxStored = 1<<20 - 1<<14
	maxRules  = 64 << 20
)

// storedRules are the last good rules, and what of them is in the ConfigMap: a
// controller that starts while the rules hold a mistake must know what they were.
type storedRules struct {
	good  []rules.Source // in force; nil where none are known
	saved []rules.Source // what the ConfigMap holds
}

// load reads the ConfigMap: while this process did not lead, another may have kept other
// rules. One that cannot be read is as good as none. What this process knows itself
// counts while the ConfigMap is as it left it: the latest rules may not have got there.
func (s *storedRules) load(ctx context.Context, from client.Reader, namespace string, log *slog.Logger) error {
	var m corev1.ConfigMap
	err := from.Get(ctx, client.ObjectKey{Namespace: namespace, Name: rulesName}, &m)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the last good rules: %w", err)
	}
	before := s.saved
	s.saved = nil
	if err != nil {
		return nil
	}
	sources, err := unpack(m.BinaryData[rulesKey])
	if err != nil {
		log.Warn("the last good rules cannot be read", "configmap", rulesName, "error", err)
		return nil
	}
	s.saved = sources
	if before == nil || !rules.EqualSources(before, sources) {
		s.good = sources
	}
	return nil
}

// keepRules stores the rules that are in force.
func (r *reconciler) keepRules(ctx context.Context, p *plan.Plan) error {
	s := &r.rules
	if p.InForce == nil {
		return nil
	}
	s.good = p.InForce
	if s.saved != nil && rules.EqualSources(s.saved, s.good) {
		return nil
	}
	data, err := pack(s.good)
	if err != nil {
		return err
	}
	if len(data) > maxStored {
		r.Log.Warn("the rules are too large to be kept: a controller that starts while they hold a mistake will change nothing", "octets", len(data), "most", maxStored)
		data = []byte{} // older ones must not be taken for them
	}
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: rulesName},
		BinaryData: map[string][]byte{rulesKey: data},
	}
	err = r.client.Update(ctx, m)
	if apierrors.IsNotFound(err) {
		err = r.client.Create(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("keep the rules in ConfigMap %s: %w", rulesName, err)
	}
	s.saved = s.good
	return nil
}

// storedFile is what the ConfigMap holds, compressed.
type storedFile struct {
	Version int            `json:"version"`
	Sources []rules.Stored `json:"sources"`
}

const storedVersion = 1

var storedFormat = statefile.Format[storedFile]{Name: rulesKey, Version: storedVersion, Limit: maxRules}

func pack(sources []rules.Source) ([]byte, error) {
	text, err := storedFormat.Encode(storedFile{Version: storedVersion, Sources: rules.Store(sources)})
	if err != nil {
		return nil, fmt.Errorf("pack the rules: %w", err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(text)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("pack the rules: %w", err)
	}
	return b.Bytes(), nil
}

// unpack reads what pack wrote. The list is never nil.
func unpack(data []byte) ([]rules.Source, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpack the rules: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxRules)) // to the end, where the checksum is
	if err != nil {
		return nil, fmt.Errorf("unpack the rules: %w", err)
	}
	sources, err := readStored(text)
	if err != nil {
		return nil, fmt.Errorf("unpack the rules: %w", err)
	}
	if sources == nil {
		return nil, errors.New("unpack the rules: there is no list")
	}
	return sources, nil
}

// readStored reads the list, which had no version once, and the names that Go gives.
func readStored(text []byte) ([]rules.Source, error) {
	if bytes.HasPrefix(text, []byte("[")) {
		var before []struct {
			Name, Root string
			Data       []byte
		}
		if err := json.Unmarshal(text, &before); err != nil {
			return nil, err
		}
		sources := make([]rules.Source, 0, len(before))
		for _, s := range before {
			sources = append(sources, rules.Source{Name: s.Name, Root: s.Root, Data: s.Data})
		}
		return sources, nil
	}
	f, err := storedFormat.Decode(text)
	return rules.Restore(f.Sources), err
}
