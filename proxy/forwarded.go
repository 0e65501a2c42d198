package proxy

import (
	"net/http"
	"strings"
)

// forwardedHeaders sets X-Forwarded-For, -Host and -Proto. What came of
// X-Forwarded-For is kept only from a trusted proxy.
func (x *exchange) forwardedHeaders(header http.Header, in *http.Request) {
	chain := ""
	if x.peer.IsValid() {
		chain = x.peer.String()
	}
	if x.settings.trusted.Contains(x.peer) {
		if prior := strings.Join(in.Header["X-Forwarded-For"], ", "); prior != "" {
			chain = prior + ", " + chain
		}
	}
	header["X-Forwarded-For"] = []string{chain}
	header["X-Forwarded-Host"] = []string{in.Host}
	header["X-Forwarded-Proto"] = []string{x.scheme}
}

// dropUntrusted removes what a tenant must not believe of the peer, in every
// mode.
func (x *exchange) dropUntrusted(header http.Header) {
	trusted := x.settings.trusted.Contains(x.peer)
	for name := range header {
		if isNeverForwarded(name) || !trusted && isHopHeader(name) {
			delete(header, name)
		}
	}
}

// isNeverForwarded tells the names that no peer may use. CGI makes HTTP_PROXY of
// Proxy, by which programs choose a proxy of their own (httpoxy). Proxies that
// set X-Forwarded-For leave a Forwarded as the client wrote it, and frameworks
// prefer it. Names with other than letters, digits and hyphens are read by some
// tenants like those with hyphens, past whoever checks the latter: CGI variables
// have underscores for hyphens, PHP also for dots, and lighttpd for all others.
func isNeverForwarded(name string) bool {
	return name == "Proxy" || name == "Forwarded" || !isPlainName(name)
}

func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i] | 0x20; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isHopHeader reports whether a header, by its canonical name, is one by which a
// proxy or a server tells what is behind it about the client: servers and
// frameworks believe it, so no client may write it. docs/configure.md has the
// list.
func isHopHeader(name string) bool {
	switch name {
	case // the client's address
		"Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Real-Ip", "X-Real-Port", "True-Client-Ip", "X-True-Client-Ip",
		"Remote-Addr", "X-Remote-Addr", "X-Remote-Ip", "X-Originating-Ip", "X-Proxyuser-Ip", "Proxy-Client-Ip", "Wl-Proxy-Client-Ip",
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Cf-Ipcountry", "Fastly-Client-Ip", "Fly-Client-Ip", "Do-Connecting-Ip",
		"Incap-Client-Ip", "X-Azure-Clientip", "X-Azure-Socketip", "X-Nf-Client-Connection-Ip", "X-Sucuri-Clientip", "X-Vercel-Forwarded-For":
		return true
	case // the scheme, host, path and method that the client used
		"X-Forwarded", "X-Scheme", "X-Url-Scheme", "X-Proxied-Https", "X-Https", "Front-End-Https", "X-Arr-Ssl", "Cf-Visitor",
		"X-Host", "X-Http-Host-Override", "X-Original-Host", "X-Original-For", "X-Original-Forwarded-For", "X-Original-Proto", "X-Original-Prefix",
		"X-Original-Url", "X-Original-Uri", "X-Original-Path", "X-Original-Method", "X-Rewrite-Url", "X-Replaced-Path", "X-Script-Name":
		return true
	case // its certificate
		"Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-Client-Certificate", "X-Client-Dn", "X-Client-Verify", "X-Arr-Clientcert",
		"Proxy-Auth-Cert", "Proxy-Ssl-Id":
		return true
	case // its user
		"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email", "X-Remote-User", "X-Remote-Group", "X-Remote-Groups", "X-Webauth-User",
		"X-Authenticated-User", "X-Authenticated-Userid", "X-Anonymous-Consumer", "X-Consumer-Id", "X-Consumer-Custom-Id", "X-Consumer-Username",
		"X-Consumer-Groups", "X-Credential-Identifier", "X-Vouch-User", "Cf-Access-Authenticated-User-Email", "Iv-User", "Iv-Groups", "Iv-Creds", "Sm-User":
		return true
	case // what Next.js tells itself
		"X-Middleware-Subrequest", "X-Middleware-Subrequest-Id", "X-Middleware-Rewrite", "X-Middleware-Redirect", "X-Middleware-Set-Cookie",
		"X-Middleware-Skip", "X-Middleware-Override-Headers", "X-Middleware-Next", "X-Now-Route-Matches", "X-Matched-Path":
		return true
	}
	return hasHopPrefix(name)
}

// hasHopPrefix tells the families of which every member is one.
func hasHopPrefix(name string) bool {
	switch name[0] {
	case 'X':
		for _, prefix := range [...]string{"X-Forwarded-", "X-Envoy-", "X-Appengine-", "X-Ssl-", "X-Amzn-Mtls-", "X-Amzn-Oidc-",
			"X-Auth-Request-", "X-Authentik-", "X-Goog-Authenticated-User-", "X-Ms-Client-Principal", "X-Remote-Extra-", "X-Vercel-Ip-"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
	case 'C':
		return strings.HasPrefix(name, "Cloudfront-")
	case 'S':
		return strings.HasPrefix(name, "Ssl-Client-")
	case 'T':
		return strings.HasPrefix(name, "Tailscale-User-")
	}
	return false
}
