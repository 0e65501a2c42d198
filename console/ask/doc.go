// Package ask has the questions of the page Ask: what the gateway would answer to a
// request, and why. It makes the requests of a question, but neither decides about them
// nor sends them.
package ask
