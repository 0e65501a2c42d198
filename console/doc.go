// Package console is the web pages with which administrators manage the lists of
// valid origins: server-rendered, and complete without scripts.
//
// It decides nothing itself. Package api/auth says who may do what, and every write
// goes through the API of the tenant, with its limits, its checks and its log. It
// opens no ports and runs nothing in the background.
package console
