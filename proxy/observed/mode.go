package observed

// Mode is what the gateway does about a decision.
type Mode uint8

const (
	// Enforce answers refused requests itself.
	Enforce Mode = iota
	// Headers forwards refused requests and leaves out the CORS headers.
	Headers
	// Report forwards everything untouched and only records the decision.
	Report
)

// String returns the mode as the configuration has it.
func (m Mode) String() string {
	switch m {
	case Headers:
		return "headers"
	case Report:
		return "report"
	}
	return "enforce"
}
