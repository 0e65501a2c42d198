package proxy

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
)

// loopHeader names those that have forwarded a request, to detect loops (RFC 8586).
// Via does so too (RFC 9110, section 7.6.3), but servers such as nginx do not
// compress their response to a request that has it.
const loopHeader = "Cdn-Loop"

// CauseLoop is the cause of a request that was not sent to the tenant, because it
// has come back from there.
const CauseLoop = "loop"

var errLoop = errors.New("the request has come back to the gateway: the upstream leads to the gateway itself")

// newMark returns a unique name for requests that this process sends to one of its
// tenants. A tenant that calls another one by the same gateway is not a loop.
func newMark() string { return "originwarden-" + rand.Text()[:16] }

// hasReceived reports whether r was sent to the tenant before. Nothing else contains
// the mark, which is random.
func (t *tenant) hasReceived(r *http.Request) bool {
	for _, line := range r.Header[loopHeader] {
		if strings.Contains(line, t.mark[0]) {
			return true
		}
	}
	return false
}

// markSent adds the tenant's mark to those in the request, even if Connection names
// the field.
func (x *exchange) markSent(header http.Header, in *http.Request) {
	if before := in.Header[loopHeader]; before != nil {
		header[loopHeader] = []string{strings.Join(before, ", ") + ", " + x.tenant.mark[0]}
		return
	}
	header[loopHeader] = x.tenant.mark[:]
}
