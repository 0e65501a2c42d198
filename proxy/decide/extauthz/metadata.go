package extauthz

import (
	"sync"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"originwarden/origins"
	"originwarden/proxy"
)

// metadata is the verdict and the reason, for Envoy's access log, as fields of a
// CheckResponse in their encoded form. There are as many as reasons, and encoding them for
// each answer would be a tenth of what a question costs. It may be used concurrently.
type metadata struct {
	mu      sync.RWMutex
	encoded map[said][]byte
}

type said struct {
	verdict origins.Verdict
	reason  string
}

// of returns the fields for an answer, which are not changed.
func (m *metadata) of(a *proxy.Answer) []byte {
	key := said{origins.Refused, a.Reason}
	if a.Verdict == origins.Allowed {
		key.verdict = origins.Allowed
	}
	m.mu.RLock()
	encoded, ok := m.encoded[key]
	m.mu.RUnlock()
	if ok {
		return encoded
	}
	encoded, _ = proto.Marshal(&authv3.CheckResponse{DynamicMetadata: &structpb.Struct{Fields: map[string]*structpb.Value{
		"verdict": structpb.NewStringValue(string(key.verdict)),
		"reason":  structpb.NewStringValue(key.reason),
	}}})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.encoded[key] = encoded
	return encoded
}
