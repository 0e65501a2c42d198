package history

import "slices"

// diff returns the indices of the entries that were removed from before, and of those
// that were added in after, in ascending order. It leaves as many entries in place as
// is possible if the first of equal entries in the one list is the first of them in
// the other. Its cost is that of sorting.
func diff(before, after []string) (removed, added []int) {
	start := 0
	for start < min(len(before), len(after)) && before[start] == after[start] {
		start++
	}
	places := map[string][]int{} // in after, of entries that are not found yet
	for i, entry := range after[start:] {
		places[entry] = append(places[entry], start+i)
	}
	var from, to []int // of the same entries, in before and after
	for i, entry := range before[start:] {
		if found := places[entry]; len(found) > 0 {
			from, to = append(from, start+i), append(to, found[0])
			places[entry] = found[1:]
		}
	}
	var staysBefore, staysAfter []int
	for _, i := range longestIncreasing(to) {
		staysBefore, staysAfter = append(staysBefore, from[i]), append(staysAfter, to[i])
	}
	return others(start, len(before), staysBefore), others(start, len(after), staysAfter)
}

// others returns the numbers from start to before end that are not in sorted.
func others(start, end int, sorted []int) (rest []int) {
	for i := start; i < end; i++ {
		if len(sorted) > 0 && sorted[0] == i {
			sorted = sorted[1:]
			continue
		}
		rest = append(rest, i)
	}
	return rest
}

// longestIncreasing returns the indices of a longest increasing subsequence of numbers
// that differ.
func longestIncreasing(numbers []int) (indices []int) {
	var ends []int                        // of the subsequence of each length that ends lowest
	previous := make([]int, len(numbers)) // in the subsequence that ends at an index
	for i, n := range numbers {
		length, _ := slices.BinarySearchFunc(ends, n, func(end, n int) int { return numbers[end] - n })
		previous[i] = -1
		if length > 0 {
			previous[i] = ends[length-1]
		}
		if length == len(ends) {
			ends = append(ends, i)
		}
		ends[length] = i
	}
	if len(ends) == 0 {
		return nil
	}
	for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
		indices = append(indices, i)
	}
	slices.Reverse(indices)
	return indices
}
