// Package hosts finds the tenant of a host. It knows nothing else of tenants.
package hosts
