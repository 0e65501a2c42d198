// Package explain says how a decision of package origins came about, one step after the
// other, for an administrator. It decides nothing itself: it asks origins.Policy for the
// decision, and again with parts of the policy left out, to find out which step decided.
// It costs many times a decision, and is not for the request path.
package explain
