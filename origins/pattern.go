package origins

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Patterns says which patterns may be among a tenant's entries. A pattern is an entry
// with one "*" in the first label of an http or https host. The "*" stands for 1 to
// 63 of a-z, 0-9 and "-", and never for a dot. A larger value permits more.
type Patterns uint8

const (
	// NoPatterns permits none.
	NoPatterns Patterns = iota
	// OwnPatterns permits patterns below a registrable domain: what follows the first
	// label is a registrable domain, or lies below one, by the Public Suffix List
	// with its private section.
	OwnPatterns
	// HostedPatterns also permits patterns directly below a suffix of the private
	// section, under which anyone can get a name, if the label has at least four
	// other characters.
	HostedPatterns
)

// String returns the value as the configuration has it.
func (p Patterns) String() string {
	switch p {
	case OwnPatterns:
		return "own"
	case HostedPatterns:
		return "hosted"
	}
	return "none"
}

// ParseEntry is like the function ParseEntry, and also accepts the patterns that p
// permits. The canonical form of a pattern keeps the "*", and is not WellFormed. The
// problem of an entry that another value permits names the configuration's key.
func (p Patterns) ParseEntry(entry string) (string, error) {
	if !strings.Contains(entry, "*") {
		return ParseEntry(entry)
	}
	if p == NoPatterns {
		return "", &EntryError{"has a *, which the tenant's configuration does not allow (patterns: none): list each origin by name"}
	}
	canonical, problem := canonicalPattern(entry)
	if problem != "" {
		return "", &EntryError{problem}
	}
	parsed, problem := parsePattern(canonical)
	switch {
	case problem != "":
		return "", &EntryError{problem}
	case p < parsed.needs:
		return "", &EntryError{"has a * directly below a public suffix, which the tenant's configuration does not allow (patterns: own)"}
	}
	return canonical, nil
}

const problemNoDomain = "has a * and no domain after its label"

// canonicalPattern returns the canonical form of an entry with a "*", or what is
// wrong with it. It parses the entry with a letter in place of the "*".
func canonicalPattern(entry string) (canonical, problem string) {
	scheme, rest, _ := strings.Cut(entry, "://")
	label, _, hasDomain := strings.Cut(rest, ".")
	star := strings.IndexByte(entry, '*')
	switch {
	case strings.Count(entry, "*") > 1:
		return "", "has more than one *"
	case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
		return "", "has a *, which only entries of http and https can have"
	case !strings.Contains(label, "*"):
		return "", "has a * that is not in the first label of its host"
	case !hasDomain:
		return "", problemNoDomain
	case !isASCII(label):
		return "", "has a * in a label with other characters than a-z, 0-9, _ and -"
	case len(label) >= len(acePrefix) && strings.EqualFold(label[:len(acePrefix)], acePrefix):
		return "", "has a * in an internationalized label"
	}
	canonical, err := ParseEntry(entry[:star] + "a" + entry[star+1:])
	if err != nil {
		return "", err.(*EntryError).Problem
	}
	// The scheme and the label are ASCII, so that they keep their length.
	return canonical[:star] + "*" + canonical[star+1:], ""
}

// pattern is a pattern with its parts.
type pattern struct {
	entry          string // in canonical form
	secure         bool   // the scheme is https
	prefix, suffix string // what is before and after the "*" in the first label
	tail           string // what follows the first label and its dot, with the port
	needs          Patterns
}

// minHostedLiterals is how many characters besides the "*" a label has that is
// directly below a public suffix.
const minHostedLiterals = 4

// parsePattern splits a pattern in canonical form, or returns what the Public Suffix
// List has against it.
func parsePattern(canonical string) (p pattern, problem string) {
	p.entry, p.secure = canonical, isSecure(canonical)
	label, tail := cutFirstLabel(canonical)
	p.prefix, p.suffix, _ = strings.Cut(label, "*")
	p.tail = tail
	host, _, _ := cutPort(tail)
	domain := strings.TrimSuffix(host, ".")
	if domain == "" {
		return p, problemNoDomain
	}
	suffix, icann := publicsuffix.PublicSuffix(domain)
	suffixBelow, _ := publicsuffix.PublicSuffix("*." + domain) // of what the pattern matches
	switch {
	case len(suffixBelow) > len(domain):
		return p, "has a * for public suffixes, where anyone can get a name"
	case suffix != domain:
		p.needs = OwnPatterns
	case icann || !strings.Contains(domain, "."):
		return p, "has a * directly below a top-level domain or a suffix of a registry, where anyone can get a name"
	case len(p.prefix)+len(p.suffix) < minHostedLiterals:
		return p, "has a * and fewer than 4 other characters in its label, directly below a public suffix, where anyone can get a name"
	default:
		p.needs = HostedPatterns
	}
	return p, ""
}

// matchesLabel reports whether the pattern matches the first label of a host.
func (p *pattern) matchesLabel(label string) bool {
	rest, begins := strings.CutPrefix(label, p.prefix)
	text, ends := strings.CutSuffix(rest, p.suffix)
	return isMatchable(label) && begins && ends && text != "" && starLength(text) == len(text)
}

// isMatchable reports whether any pattern can match a first label. Like that of an
// entry, it neither begins nor ends with "-".
func isMatchable(label string) bool {
	return label != "" && label[0] != '-' && label[len(label)-1] != '-'
}

// starLength returns how many of the first bytes of s a "*" can stand for.
func starLength(s string) int {
	for i := range len(s) {
		if c := s[i]; !isLabelByte(c) || c == '_' {
			return i
		}
	}
	return len(s)
}

// isPattern reports whether an entry in canonical form is a pattern.
func isPattern(entry string) bool { return strings.IndexByte(entry, '*') >= 0 }

func isSecure(origin string) bool { return strings.HasPrefix(origin, "https://") }

// cutFirstLabel splits the host of an origin or a pattern of http or https, in
// canonical form, at its first dot. Without a dot, and for all other schemes, both
// results are empty. The tail has the port.
func cutFirstLabel(origin string) (label, tail string) {
	authority, ok := strings.CutPrefix(origin, "https://")
	if !ok {
		if authority, ok = strings.CutPrefix(origin, "http://"); !ok {
			return "", ""
		}
	}
	dot := strings.IndexByte(authority, '.')
	if dot < 0 || dot == len(authority)-1 {
		return "", ""
	}
	return authority[:dot], authority[dot+1:]
}
