package records_test

import (
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/records"
)

// A transaction that was not carried out has added the record only if the key has it.
func TestRecord_IsAdded(t *testing.T) {
	r := records.Record{Encoded: []byte("one")}
	for name, row := range map[string]struct {
		response *clientv3.TxnResponse
		want     bool
	}{
		"put":                    {&clientv3.TxnResponse{Succeeded: true}, true},
		"put by an earlier copy": {read("one"), true},
		"removals written back":  {read(), false},
		"key of another record":  {read("another"), false},
	} {
		if got := r.IsAdded(row.response); got != row.want {
			t.Errorf("%s: %t, want %t", name, got, row.want)
		}
	}
}

// read returns a response whose transaction has read these values.
func read(values ...string) *clientv3.TxnResponse {
	var found etcdserverpb.RangeResponse
	for _, v := range values {
		found.Kvs = append(found.Kvs, &mvccpb.KeyValue{Value: []byte(v)})
	}
	return &clientv3.TxnResponse{Responses: []*etcdserverpb.ResponseOp{
		{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: &found}},
	}}
}
