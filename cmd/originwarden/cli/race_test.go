//go:build race

package cli

// underRace says that these tests run with the race detector.
const underRace = true
