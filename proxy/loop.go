package proxy

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
)

// loopHeader tells who has forwarded a request, so that a loop ends (RFC 8586).
// Via would tell it too (RFC 9110, section 7.6.3), but servers such as nginx do not
// compress their answer to a request that has one.
const loopHeader = "Cdn-Loop"

// CauseLoop is the one cause for which the tenant was not asked: the request has
// come back from there.
const CauseLoop = "loop"

var errLoop = errors.New("the request has come back to the gateway: the upstream leads to the gateway itself")

// newMark returns the name under which this process, and no other one, sends
// requests to one of its tenants. A tenant that asks another one by the same
// gateway makes no loop.
func newMark() string { return "originwarden-" + rand.Text()[:16] }

// hasSent reports whether r was sent to the tenant before. The mark is random,
// so that nothing else contains it.
func (t *tenant) hasSent(r *http.Request) bool {
	for _, line := range r.Header[loopHeader] {
		if strings.Contains(line, t.mark[0]) {
			return true
		}
	}
	return false
}

// refuseLoop answers a request that has come back.
func (x *exchange) refuseLoop() {
	x.UpstreamCause, x.Err = CauseLoop, errLoop
	x.refuse(loopDetected)
}

// markSent adds the tenant's mark to those that came, whatever Connection names.
func (x *exchange) markSent(header http.Header, in *http.Request) {
	if before := in.Header[loopHeader]; before != nil {
		header[loopHeader] = []string{strings.Join(before, ", ") + ", " + x.tenant.mark[0]}
		return
	}
	header[loopHeader] = x.tenant.mark[:]
}
