// Package refused turns the refusals of a tenant's inventory into what its administrator
// has to decide about: one origin after the other, and whether the tenant is ready to
// enforce its lists. It reads and writes nothing.
package refused
