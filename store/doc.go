// Package store is what a tenant's web integrations are and how they are kept:
// the entry and its validation, and the Store that every database implements.
//
// It imports no database and no HTTP. Implementations are its subpackages, and
// store/storetest holds them all to one contract.
package store
