package inventory

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

const (
	// MaxBytes bounds the value of a tenant. Ordinary refusals take about 40 bytes each;
	// of 1,000 with long random origins and paths, some are left out.
	MaxBytes = 128 << 10
	// maxText bounds what a value is decompressed to. It is more than MaxRefusals of
	// the greatest length have.
	maxText = 8 << 20
)

// value is the refusals of a tenant. In the store it is JSON, compressed by gzip.
type value struct {
	Write    string    `json:"write"` // the random id of the last write
	Refusals []refusal `json:"refusals"`
}

// refusal is a store.Refusal. Times are in seconds since 1970-01-01, UTC.
type refusal struct {
	Origin    string `json:"o"`
	Reason    string `json:"r"`
	Count     uint64 `json:"n"`
	First     int64  `json:"f"`
	Last      int64  `json:"l"`
	Method    string `json:"m,omitempty"`
	Path      string `json:"p,omitempty"`
	Agent     string `json:"a,omitempty"`
	OwnHost   bool   `json:"h,omitempty"`
	Dismissed int64  `json:"d,omitempty"`
}

// encode returns the value of refusals, of as many as fit.
func encode(write string, all []store.Refusal) (string, error) {
	for {
		text, err := encodeAll(write, all)
		if err != nil || len(text) <= MaxBytes {
			return text, err
		}
		store.SortByRank(all)
		all = all[:len(all)*MaxBytes/len(text)*9/10]
	}
}

func encodeAll(write string, all []store.Refusal) (string, error) {
	v := value{Write: write, Refusals: make([]refusal, len(all))}
	for i, r := range all {
		v.Refusals[i] = refusal{
			Origin: r.Origin, Reason: string(r.Reason), Count: r.Count, First: r.First.Unix(), Last: r.Last.Unix(),
			Method: r.Method, Path: r.Path, Agent: r.Agent, OwnHost: r.OwnHost,
		}
		if !r.Dismissed.IsZero() {
			v.Refusals[i].Dismissed = r.Dismissed.Unix()
		}
	}
	var text bytes.Buffer
	compressed := gzip.NewWriter(&text)
	lines := json.NewEncoder(compressed)
	lines.SetEscapeHTML(false)
	err := lines.Encode(v)
	if err == nil {
		err = compressed.Close()
	}
	if err != nil {
		return "", fmt.Errorf("etcd: encoding refusals: %w", err)
	}
	return text.String(), nil
}

// decode is the reverse of encode. It fails for a damaged value.
func decode(text []byte) (write string, all []store.Refusal, err error) {
	compressed, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return "", nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(compressed, maxText))
	if err != nil {
		return "", nil, err
	}
	var v value
	if err := json.Unmarshal(plain, &v); err != nil {
		return "", nil, err
	}
	all = make([]store.Refusal, len(v.Refusals))
	for i, r := range v.Refusals {
		all[i] = store.Refusal{
			Origin: r.Origin, Reason: origins.Reason(r.Reason), Count: r.Count, First: time.Unix(r.First, 0).UTC(), Last: time.Unix(r.Last, 0).UTC(),
			Method: r.Method, Path: r.Path, Agent: r.Agent, OwnHost: r.OwnHost,
		}
		if r.Dismissed != 0 {
			all[i].Dismissed = time.Unix(r.Dismissed, 0).UTC()
		}
	}
	return v.Write, all, nil
}
