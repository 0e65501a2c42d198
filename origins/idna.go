package origins

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

const (
	problemIDNA      = "has a host that is not a valid internationalized domain name"
	problemAmbiguous = "has a character that versions of Unicode turn into different hosts: for ẞ, write ss or ß"
)

// acePrefix begins an A-label.
const acePrefix = "xn--"

// asciiName converts a host name to lower case and its Unicode labels to A-labels.
// It does not apply IDNA to an ASCII name without A-labels, because every IDNA
// profile refuses some names that resolve.
//
// Other names are parsed by the URL standard's rules and converted back. An A-label
// that does not survive the round trip is one that browsers refuse or serialize
// differently.
func asciiName(host string) (name, problem string) {
	name = strings.ToLower(host)
	if isASCII(host) && !strings.Contains(name, acePrefix) {
		return name, ""
	}
	profile := browserProfile()
	name, err := profile.ToASCII(host)
	if err != nil {
		return "", problemIDNA
	}
	decoded, err := profile.ToUnicode(name)
	if err != nil {
		return "", problemIDNA
	}
	again, err := profile.ToASCII(decoded)
	switch {
	case err != nil || again != name:
		return "", problemIDNA
	case !isReadAsWritten(profile, host, name, decoded), !hasValidJoiners(profile, decoded):
		return "", problemIDNA
	case strings.ContainsAny(host+decoded, ambiguousChars):
		return "", problemAmbiguous
	}
	return name, ""
}

// browserProfile follows the URL standard's "domain to ASCII" with beStrict
// false.
func browserProfile() *idna.Profile {
	return idna.New(
		idna.MapForLookup(),
		idna.Transitional(false),
		idna.StrictDomainName(false),
		idna.CheckHyphens(false),
		idna.CheckJoiners(true),
		idna.BidiRule(),
	)
}

// ambiguousChars are the characters that changed after Unicode 15: U+1E9E used to map
// to ss and now maps to ß. U+1171E is no longer a nonspacing mark, which
// right-to-left labels may contain.
const ambiguousChars = "\u1e9e\U0001171e"

// isReadAsWritten reports whether each label of host, once mapped, equals that of
// name or decoded. The profile accepts xn-- as an empty label and decodes A-labels
// that contain Unicode. Browsers refuse both.
func isReadAsWritten(profile *idna.Profile, host, name, decoded string) bool {
	stops := strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".") // UTS 46 maps these to it
	labels := strings.Split(stops.Replace(host), ".")
	aLabels, uLabels := strings.Split(name, "."), strings.Split(decoded, ".")
	if len(labels) != len(aLabels) || len(labels) != len(uLabels) {
		return false
	}
	for i, label := range labels {
		if label == aLabels[i] {
			continue
		}
		// With a hyphen in front, the label does not begin with xn--: ToUnicode maps
		// it without decoding it. The only new error is that of the hyphen.
		mapped, _ := profile.ToUnicode("-" + label)
		if mapped = mapped[1:]; mapped != aLabels[i] && mapped != uLabels[i] {
			return false
		}
	}
	return true
}

const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// hasValidJoiners reports whether every zero width non-joiner of a name is where
// browsers accept it: after a virama, or between letters that join (RFC 5892,
// appendix A.1). The profile does not check the letter that follows. If that letter
// does not join, the non-joiner is replaced by a joiner, which needs a virama.
func hasValidJoiners(profile *idna.Profile, name string) bool {
	if !strings.ContainsRune(name, zwnj) {
		return true
	}
	letters := []rune(name)
	for i, r := range letters {
		if r == zwnj && (i+1 == len(letters) || !isJoiningLetter(letters[i+1])) {
			letters[i] = zwj
		}
	}
	_, err := profile.ToASCII(string(letters))
	return err == nil
}

// isJoiningLetter reports whether r is an Arabic letter that joins with the one
// before (Joining_Type R or D). Letters of other scripts are not accepted.
func isJoiningLetter(r rune) bool {
	const unjoined = "\u0621\u0640\u0674\u06e5\u06e6"
	return '\u0600' <= r && r <= '\u06ff' && unicode.IsLetter(r) && !strings.ContainsRune(unjoined, r)
}
