// Package logs writes the log of a service: lines about the service, the access
// log, and the level, which can be changed while it runs. It never makes a
// request wait for the reader of the log. Lines that are left out are counted.
package logs
