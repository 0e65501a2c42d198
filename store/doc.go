// Package store defines web integrations, their validation, and the Store that every
// database implements.
//
// It imports no database and no HTTP. Implementations are subpackages, and
// store/storetest tests them all against one contract.
package store
