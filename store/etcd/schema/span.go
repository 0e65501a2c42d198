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

// Outer returns the prefixes that the store's prefix begins with, except "/".
func (k Keys) Outer() []string { return prefixesOf(string(k[:len(k)-1]), 1) }

// Inner returns the prefixes below the store's prefix that a key begins with.
func (k Keys) Inner(key string) []string { return prefixesOf(key, len(k)) }

// prefixesOf returns the prefixes of a key that end in a slash at start or later.
func prefixesOf(key string, start int) (prefixes []string) {
	for i := start; i < len(key); i++ {
		if key[i] == '/' {
			prefixes = append(prefixes, key[:i+1])
		}
	}
	return prefixes
}

// Spans returns the spans that together cover the prefix, alternately one between
// this store's keys and one of its keys.
func (k Keys) Spans() (spans []Span) {
	from := string(k)
	for _, own := range []string{"a/", "d/", "h/", "head", "i/", "identity", "t/", "u/", "w/", "x/"} {
		span := SpanOf(string(k)+own, clientv3.WithKeysOnly())
		spans = append(spans, Span{From: from, to: span.From, options: span.options}, span)
		from = span.to
	}
	return append(spans, Span{From: from, to: clientv3.GetPrefixRangeEnd(string(k)), options: spans[0].options})
}
