package refusals

// entryHeap is a heap.Interface with the lightest entry first, and the oldest of
// several.
type entryHeap []*entry

// Len implements heap.Interface.
func (h entryHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h entryHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return a.weight < b.weight || a.weight == b.weight && a.last < b.last
}

// Swap implements heap.Interface.
func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *entryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}

// tenantHeap is a heap.Interface with the tenant of the most entries first.
type tenantHeap []*tenant

// Len implements heap.Interface.
func (h tenantHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h tenantHeap) Less(i, j int) bool { return len(h[i].entries) > len(h[j].entries) }

// Swap implements heap.Interface.
func (h tenantHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *tenantHeap) Push(x any) {
	t := x.(*tenant)
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop implements heap.Interface.
func (h *tenantHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
