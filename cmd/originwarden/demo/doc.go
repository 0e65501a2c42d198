// Package demo runs the example of `originwarden demo`: a gateway, in front of it
// a small tenant, and two web pages that call it from other origins and show what
// the browser lets them see.
//
// The tenant knows nothing of origins and the pages nothing of lists: what they
// show is the gateway's work.
package demo
