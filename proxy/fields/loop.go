package fields

import (
	"crypto/rand"
	"strings"
)

// Loop names those that have forwarded a request, to detect loops (RFC 8586). Via does
// so too (RFC 9110, section 7.6.3), but servers such as nginx do not compress their
// response to a request that has it.
const Loop = "Cdn-Loop"

// Mark is a value of Loop for requests that this process sends to one of its tenants.
// A tenant that calls another one by the same gateway is not a loop.
type Mark [1]string

// NewMark returns a unique Mark.
func NewMark() Mark { return Mark{"originwarden-" + rand.Text()[:16]} }

// IsIn reports whether lines of Loop have the mark. Nothing else contains it, because it
// is random.
func (m *Mark) IsIn(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(line, m[0]) {
			return true
		}
	}
	return false
}

// After returns the lines of Loop with the mark after those in a request.
func (m *Mark) After(lines []string) []string {
	if lines == nil {
		return m[:]
	}
	return []string{strings.Join(lines, ", ") + ", " + m[0]}
}
