// Package fields has the rules about header fields that need neither a tenant nor
// a decision: which ones no client may send, which ones only the gateway may add,
// and how Vary and trailers are kept short. Its functions change the header that
// they are given.
package fields

import (
	"net/http"
	"strings"
)

// DropUntrusted removes the fields that a tenant would trust but the peer must not
// set. trusted says whether the peer is a trusted proxy.
func DropUntrusted(header http.Header, trusted bool) {
	for name := range header {
		if IsUntrusted(name, trusted) {
			delete(header, name)
		}
	}
}

// IsUntrusted reports whether a tenant would trust a field, by its canonical name,
// that the peer must not set.
func IsUntrusted(name string, trusted bool) bool {
	return isNeverForwarded(name) || !trusted && isProxyField(name)
}

// isNeverForwarded reports whether no peer may use a name. CGI makes HTTP_PROXY of
// Proxy, by which programs choose a proxy of their own (httpoxy). Proxies that
// set X-Forwarded-For leave a Forwarded as the client wrote it, and frameworks
// prefer it. Some servers read names with other bytes than letters, digits and
// hyphens like those with hyphens, past a check of the latter: CGI variables
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

// isProxyField reports whether proxies use a field, by its canonical name, to
// describe the client to the servers behind them. Servers and frameworks trust
// it, so no client may send it. docs/configure.md has the list.
func isProxyField(name string) bool {
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
	case // what Next.js sends to itself
		"X-Middleware-Subrequest", "X-Middleware-Subrequest-Id", "X-Middleware-Rewrite", "X-Middleware-Redirect", "X-Middleware-Set-Cookie",
		"X-Middleware-Skip", "X-Middleware-Override-Headers", "X-Middleware-Next", "X-Now-Route-Matches", "X-Matched-Path":
		return true
	}
	return hasProxyPrefix(name)
}

// hasProxyPrefix reports whether the name begins like a family of such fields.
func hasProxyPrefix(name string) bool {
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
