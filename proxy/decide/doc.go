// Package decide answers other proxies, which ask what the gateway would do with a
// request that they have received. It decides nothing itself: it reads the question in
// the proxy's dialect, has it decided, and writes the answer in a form that the proxy
// can obey. What cannot be read is never guessed.
package decide
