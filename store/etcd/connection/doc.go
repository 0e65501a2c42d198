// Package connection sends requests to the members of an etcd cluster. It repeats lost
// requests, and asks another member when one is slow. It knows no keys or values.
package connection
