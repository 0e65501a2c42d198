// Package fleet tests several gateways with one etcd cluster, all of them processes,
// while they are killed, paused, disconnected and restarted. It has only tests.
package fleet
