package snapshot

import (
	"crypto/sha256"

	"originwarden/origins"
)

// ManifestName is the file that is put in force by its renaming.
const ManifestName = manifestName

// DecodeManifest reads a manifest of which the checksum is made to hold.
func DecodeManifest(b []byte) (segments int, err error) {
	sum := sha256.Sum256(b)
	m, err := decodeManifest(append(b[:len(b):len(b)], sum[:]...))
	if err != nil {
		return 0, err
	}
	return len(m.segments), nil
}

// DecodeSegment reads the lists of a segment of which the checksum holds.
func DecodeSegment(b []byte) (map[string]*origins.List, error) {
	lists := map[string]*origins.List{}
	return lists, collect(&segment{}, b, lists, map[string]place{})
}

// ManifestOf is the manifest of s without segments, and without its checksum.
func ManifestOf(s *Snapshot) []byte {
	b := (&manifest{at: s.At, confirmed: s.Confirmed, segments: []*segment{{id: newID(), size: 7}}}).encode()
	return b[:len(b)-sha256.Size]
}
