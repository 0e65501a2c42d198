package demo

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed page.html page.css page.js
var pageFiles embed.FS

// PageOptions configure a page. It reads the rest from its own URL.
type PageOptions struct {
	// GatewayPort is where the page calls the gateway, on the host name by
	// which the page was opened.
	GatewayPort int
	// OtherPort is that of the same page at the other origin; 0 shows no link.
	OtherPort int
	// Listed says whether the page's origin is listed when the demo starts, for
	// display only.
	Listed bool
}

// Page returns one HTML page whose buttons call the Tenant through the gateway
// and show what the browser let the page see, or the error that its script
// got. It is meant to be opened at localhost or 127.0.0.1: its
// Content-Security-Policy lets it call no other host. With ?run=all it presses
// all of its buttons by itself.
//
// It is served by the process that runs the gateway: when the page's server is
// gone, it says so instead of blaming its origin.
//
// Results are in #result-get, #result-put, #result-events and
// #result-websocket, whose data-state is idle, pending, ok, refused (the
// script got an error instead of a response) or failed (anything else).
func Page(o PageOptions) http.Handler {
	page := template.Must(template.ParseFS(pageFiles, "page.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, o)
	})
	mux.HandleFunc("GET /page.css", file("page.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /page.js", file("page.js", "text/javascript; charset=utf-8"))
	policy := securityPolicy(o.GatewayPort)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// file serves an embedded file. It sets the type, because some machines map .js to
// one that browsers reject.
func file(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		http.ServeFileFS(w, r, pageFiles, name)
	}
}

// securityPolicy permits what the page does and nothing else (CSP level 3).
// The ws sources are named because older browsers do not derive them from http.
func securityPolicy(gatewayPort int) string {
	return fmt.Sprintf("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "+
		"connect-src 'self' http://localhost:%[1]d http://127.0.0.1:%[1]d ws://localhost:%[1]d ws://127.0.0.1:%[1]d; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", gatewayPort)
}
