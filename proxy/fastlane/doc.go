// Package fastlane serves connections of HTTP/1.1 clients without net/http, as long
// as their requests are plainly regular (http1.RequestHead). It reads each head into
// one buffer, and has it served on the connection's goroutine. On Unix it holds no
// buffer while a connection is idle. The first request that is not regular, or that
// its Handler leaves to the other lane, hands the connection over to net/http, for
// good and with every byte that was read.
//
// It answers nothing itself, and repairs nothing: it only drops line ends after a
// POST from what it hands over, as net/http would.
package fastlane
