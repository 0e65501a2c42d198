package origins

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// trie is an immutable map from strings to V. It is a hash trie: an edit copies only
// the path to the changed leaf, so that its cost does not depend on the size. The
// zero value is empty. Callers pass hashes, because they use one hash in several
// tries.
type trie[V any] struct {
	root *node[V]
	size int
}

type node[V any] struct {
	children *[fanout]*node[V] // nil in a leaf
	items    []item[V]         // empty in an inner node
}

type item[V any] struct {
	hash  uint64
	key   string
	value V
}

const (
	fanoutBits = 6
	fanout     = 1 << fanoutBits
	leafSize   = 24 // larger leaves are split: scanning so many hashes costs less than a level
	hashBits   = 64
)

// childIndex returns the index of the child of a node at depth that hash belongs to.
// The first levels use the highest bits, so that a slice sorted by hash is in trie
// order.
func childIndex(hash uint64, depth int) int {
	return int(hash >> (hashBits - fanoutBits*(depth+1)) & (fanout - 1))
}

// canSplit reports whether the hash has bits left for children of a node at depth.
func canSplit(depth int) bool { return fanoutBits*(depth+1) <= hashBits }

// newTrie returns a trie of items, which it keeps and reorders. For items with
// the same key it calls merge to add the value of the others to that of the first.
func newTrie[V any](items []item[V], merge func(into *V, v V)) trie[V] {
	slices.SortFunc(items, func(a, b item[V]) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return strings.Compare(a.key, b.key)
	})
	distinct := items[:0]
	for _, it := range items {
		if last := len(distinct) - 1; last >= 0 && distinct[last].hash == it.hash && distinct[last].key == it.key {
			merge(&distinct[last].value, it.value)
			continue
		}
		distinct = append(distinct, it)
	}
	return trie[V]{root: buildNode(distinct, 0), size: len(distinct)}
}

// buildNode returns the node at depth for items sorted by hash. Leaves share the
// slice's memory, so they must never be appended to in place.
func buildNode[V any](items []item[V], depth int) *node[V] {
	if len(items) == 0 {
		return nil
	}
	if len(items) <= leafSize || !canSplit(depth) {
		return &node[V]{items: items}
	}
	n := &node[V]{children: new([fanout]*node[V])}
	for len(items) > 0 {
		i, end := childIndex(items[0].hash, depth), 1
		for end < len(items) && childIndex(items[end].hash, depth) == i {
			end++
		}
		n.children[i] = buildNode(items[:end], depth+1)
		items = items[end:]
	}
	return n
}

// get returns the value of key, which has this hash, and whether there is one.
func (t trie[V]) get(hash uint64, key string) (value V, ok bool) {
	n := t.root
	for depth := 0; n != nil; depth++ {
		if n.children == nil {
			for i := range n.items {
				if it := &n.items[i]; it.hash == hash && it.key == key {
					return it.value, true
				}
			}
			break
		}
		n = n.children[childIndex(hash, depth)]
	}
	return value, false
}

// find returns where the value of key is, which must not be changed, or nil.
func (t *trie[V]) find(hash uint64, key string) *V {
	n := t.root
	for depth := 0; n != nil; depth++ {
		if n.children == nil {
			for i := range n.items {
				if it := &n.items[i]; it.hash == hash && it.key == key {
					return &it.value
				}
			}
			return nil
		}
		n = n.children[childIndex(hash, depth)]
	}
	return nil
}

// with returns the trie in which key has value.
func (t trie[V]) with(hash uint64, key string, value V) trie[V] {
	if _, ok := t.get(hash, key); !ok {
		t.size++
	}
	t.root = t.root.with(item[V]{hash, key, value}, 0)
	return t
}

func (n *node[V]) with(it item[V], depth int) *node[V] {
	switch {
	case n == nil:
		return &node[V]{items: []item[V]{it}}
	case n.children != nil:
		i := childIndex(it.hash, depth)
		return n.withChild(i, n.children[i].with(it, depth+1))
	}
	items := make([]item[V], len(n.items), len(n.items)+1)
	copy(items, n.items)
	if i := n.index(it.hash, it.key); i >= 0 {
		items[i] = it
		return &node[V]{items: items}
	}
	at, _ := slices.BinarySearchFunc(items, it.hash, func(have item[V], want uint64) int {
		if have.hash < want {
			return -1
		}
		return 1 // the order of equal hashes does not matter
	})
	return buildNode(slices.Insert(items, at, it), depth)
}

// without returns the trie without key.
func (t trie[V]) without(hash uint64, key string) trie[V] {
	if _, ok := t.get(hash, key); !ok {
		return t
	}
	t.root = t.root.without(hash, key, 0)
	t.size--
	return t
}

// without returns n without a key that it contains, or nil if nothing is left. An
// inner node remains one while it has a leaf, because lists that shrink often grow
// again.
func (n *node[V]) without(hash uint64, key string, depth int) *node[V] {
	if n.children != nil {
		i := childIndex(hash, depth)
		changed := n.withChild(i, n.children[i].without(hash, key, depth+1))
		if *changed.children == [fanout]*node[V]{} {
			return nil
		}
		return changed
	}
	if len(n.items) == 1 {
		return nil
	}
	i := n.index(hash, key)
	return &node[V]{items: slices.Concat(n.items[:i], n.items[i+1:])}
}

func (n *node[V]) withChild(i int, child *node[V]) *node[V] {
	children := *n.children
	children[i] = child
	return &node[V]{children: &children}
}

// index returns the index of key in a leaf, or -1.
func (n *node[V]) index(hash uint64, key string) int {
	return slices.IndexFunc(n.items, func(it item[V]) bool { return it.hash == hash && it.key == key })
}

// all yields every item, sorted by hash.
func (t trie[V]) all() iter.Seq[*item[V]] {
	return func(yield func(*item[V]) bool) { t.root.walk(yield) }
}

func (n *node[V]) walk(yield func(*item[V]) bool) bool {
	if n == nil {
		return true
	}
	for i := range n.items {
		if !yield(&n.items[i]) {
			return false
		}
	}
	if n.children == nil {
		return true
	}
	for _, child := range n.children {
		if !child.walk(yield) {
			return false
		}
	}
	return true
}
