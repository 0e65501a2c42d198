package schema

import clientv3 "go.etcd.io/etcd/client/v3"

// Span is a range of keys to read page by page.
type Span struct {
	From    string // the first key
	to      string
	options []clientv3.OpOption
}

// SpanOf returns the span of the keys with a prefix.
func SpanOf(prefix string, options ...clientv3.OpOption) Span {
	return Span{From: prefix, to: clientv3.GetPrefixRangeEnd(prefix), options: options}
}

// Page reads the first keys of the span; a limit of 0 reads all.
func (s Span) Page(limit int64, at ...clientv3.OpOption) clientv3.Op {
	options := append([]clientv3.OpOption{clientv3.WithRange(s.to), clientv3.WithLimit(limit)}, s.options...)
	return clientv3.OpGet(s.From, append(options, at...)...)
}
