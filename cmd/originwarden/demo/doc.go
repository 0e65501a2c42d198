// Package demo is what `originwarden demo` puts around the gateway: a small
// tenant, and a web page that calls it from another origin and shows what the
// browser let it see.
//
// The tenant knows nothing of origins and the page nothing of lists: whatever
// they show is the gateway's doing.
package demo
