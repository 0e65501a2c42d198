// Package connection sends requests to the members of an etcd cluster. It retries
// what was lost, asks another member when one is slow, and knows nothing of what
// is stored.
package connection
