// Package origins decides whether a web origin may talk to a tenant.
//
// It defines what an origin is (the grammar of the Origin header and of the
// entries that administrators write), the list of a tenant's origins, and the
// decision with its one reason. It also has the grammar of tenant ids, of subjects, and
// of the names of methods and headers, and knows which host names are this machine. It knows nothing of HTTP
// handlers, stores or configuration, and has no clock, lock or I/O.
package origins
