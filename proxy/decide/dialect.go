package decide

import (
	"net/http"
	"net/netip"
	"strings"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/request"
)

// Dialect is how a proxy says what it has received, and what it does with the answer.
type Dialect uint8

const (
	// Nginx has the fields X-Original-Method, -Host, -URI, -Proto and -Address, and for
	// upgrades -Upgrade and -Connection.
	Nginx Dialect = iota
	// Traefik and Caddy have X-Forwarded-Method, -Host, -Uri, -Proto and -For.
	Traefik
	Caddy
	// Envoy sends the client's method, Host and header, and the client's target after
	// Path.
	Envoy
)

// received is a request to this package, whichever lane has read it.
type received struct {
	header               request.Fields
	method, target, host string
	peer                 netip.Addr
}

// receivedBy returns what net/http has read.
func receivedBy(r *http.Request) *received {
	return &received{r.Header, r.Method, r.RequestURI, r.Host, clientaddr.Parse(r.RemoteAddr)}
}

// read returns the client's request, or why there is none.
func (d Dialect) read(r *received) (asked request.Request, p *Problem) {
	target, isQuestion := r.target, false
	if d == Envoy {
		target, isQuestion = clientTarget(r.target)
	} else {
		isQuestion = target == Path
	}
	if !isQuestion {
		return asked, notFound
	}
	var q Question
	var err error
	switch d {
	case Nginx:
		q, err = readOriginal(r.header)
	case Envoy:
		q = readOwn(r, target)
	default:
		q, err = readForwarded(r.header)
	}
	if err == nil {
		asked, err = q.Request()
	}
	if err != nil {
		return asked, Invalid(err)
	}
	return asked, nil
}

// clientTarget returns the target that follows Path.
func clientTarget(uri string) (target string, isQuestion bool) {
	target, isQuestion = strings.CutPrefix(uri, Path)
	return target, isQuestion && (target == "" || strings.ContainsRune("/?*", rune(target[0])))
}

// readOriginal reads the fields of Nginx. Nginx has settled who the client is, so that
// X-Forwarded-For is none of ours.
func readOriginal(header request.Fields) (Question, error) {
	q := reader{fields: header}
	client := &clientFields{Fields: header}
	asked := Question{
		Fields: client,
		Method: q.value("X-Original-Method"),
		Host:   q.value("X-Original-Host"),
		Target: q.line("X-Original-Uri"),
		HTTPS:  q.isHTTPS("X-Original-Proto"),
		Client: q.address("X-Original-Address", q.value("X-Original-Address")),
	}
	if client.upgrade = q.optional("X-Original-Upgrade"); client.upgrade != nil {
		// Nginx asks the tenant for an upgrade whatever the client's Connection is, if
		// it is configured that way.
		if client.connection = q.optional("X-Original-Connection"); client.connection == nil {
			client.connection = upgradeToken
		}
	}
	return asked, q.err
}

// readForwarded reads the fields of Traefik and Caddy. The last element of
// X-Forwarded-For is who has sent the request to the proxy; the others are what that
// peer has said.
func readForwarded(header request.Fields) (Question, error) {
	q := reader{fields: header}
	client := &clientFields{Fields: header}
	const forwardedFor = "X-Forwarded-For"
	line := q.line(forwardedFor)
	comma := strings.LastIndexByte(line, ',')
	if comma >= 0 {
		client.forwardedFor = []string{line[:comma]}
	}
	asked := Question{
		Fields: client,
		Method: q.value("X-Forwarded-Method"),
		Host:   q.value("X-Forwarded-Host"),
		Target: q.line("X-Forwarded-Uri"),
		HTTPS:  q.isHTTPS("X-Forwarded-Proto"),
		Client: q.address(forwardedFor, strings.Trim(line[comma+1:], " \t")),
	}
	if claimsHandshake(header) {
		client.claimHandshake()
	}
	return asked, q.err
}

// readOwn reads what Envoy sends. It has no field of its own: the client's address and
// scheme are in X-Forwarded-For and -Proto, if Envoy is a trusted proxy.
func readOwn(r *received, target string) Question {
	asked := Question{Fields: r.header, Method: r.method, Host: r.host, Target: target, Client: r.peer}
	if claimsHandshake(r.header) {
		asked.Fields = &ownFields{r.header}
	}
	return asked
}
