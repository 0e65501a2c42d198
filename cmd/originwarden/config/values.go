package config

import "originwarden/cmd/originwarden/config/values"

// The values of keys; see package values.
type (
	Duration = values.Duration
	Size     = values.Size
	Share    = values.Share
	Network  = values.Network
	Hash     = values.Hash
)
