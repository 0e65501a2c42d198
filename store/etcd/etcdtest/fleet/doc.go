// Package fleet holds several gateways on one etcd cluster, all of them
// processes, to what they promise together, while they are killed, stopped, cut
// off and restarted. It has only tests.
package fleet
