package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"originwarden/store"
)

const (
	magic        = "originwarden snapshot\n"
	version      = 1       // of the format of the manifest and the segments
	manifestSize = 1 << 20 // at most, far above what any needs
)

// manifest is the snapshot but for the lists. On disk it is the magic, the
// version in 4 bytes, the fields, and the SHA-256 of all that. Numbers are
// varints, strings have their length before them.
type manifest struct {
	at        store.Position
	confirmed time.Time
	segments  []*segment // the oldest first
}

// segment is one file of lists. Of a tenant that is in several, the newest
// segment counts.
type segment struct {
	id   segmentID
	size int64
	sum  [sha256.Size]byte
}

func (m *manifest) encode() []byte {
	b := binary.BigEndian.AppendUint32([]byte(magic), version)
	b = appendString(b, m.at.Store)
	b = binary.AppendUvarint(b, m.at.Revision)
	b = binary.AppendVarint(b, m.confirmed.Unix())
	b = binary.AppendUvarint(b, uint64(len(m.segments)))
	for _, s := range m.segments {
		b = append(b, s.id[:]...)
		b = binary.AppendUvarint(b, uint64(s.size))
		b = append(b, s.sum[:]...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func decodeManifest(b []byte) (*manifest, error) {
	if len(b) == 0 {
		return nil, errInvalidated
	}
	if len(b) < len(magic)+4+sha256.Size || string(b[:len(magic)]) != magic {
		return nil, errors.New("it is cut off, or not one of this program")
	}
	if v := binary.BigEndian.Uint32(b[len(magic):]); v != version {
		return nil, fmt.Errorf("its format is version %d, this program knows %d", v, version)
	}
	end := len(b) - sha256.Size
	if sha256.Sum256(b[:end]) != [sha256.Size]byte(b[end:]) {
		return nil, errors.New("it is torn: its checksum does not hold")
	}
	return decodeFields(&decoder{rest: b[len(magic)+4 : end]})
}

func decodeFields(d *decoder) (*manifest, error) {
	m := &manifest{at: store.Position{Store: string(d.bytes()), Revision: d.uint()}}
	if seconds := time.Unix(d.int(), 0); !seconds.IsZero() {
		m.confirmed = seconds
	}
	for n := d.uint(); n > 0 && !d.failed; n-- {
		s := &segment{}
		copy(s.id[:], d.take(uint64(len(s.id))))
		s.size = int64(d.uint())
		copy(s.sum[:], d.take(uint64(len(s.sum))))
		m.segments = append(m.segments, s)
	}
	if d.failed || len(d.rest) > 0 {
		return nil, errMalformed
	}
	return m, nil
}

func (d *Directory) readManifest() (*manifest, error) {
	f, _, err := d.regular(manifestName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, manifestSize+1))
	if err != nil {
		return nil, err
	}
	if len(b) > manifestSize {
		return nil, errors.New("it is too large to be one of this program")
	}
	return decodeManifest(b)
}

// commit puts m in force. The error may be that of making it lasting, after
// which it is in force all the same, but the one before may be back after the
// end of the machine.
func (d *Directory) commit(m *manifest) (inForce bool, err error) {
	name := newID().unnamed()
	if err := d.writeFile(name, m.encode()); err != nil {
		return false, errors.Join(err, ignoreMissing(d.root.Remove(name)))
	}
	if err := d.root.Rename(name, manifestName); err != nil {
		return false, errors.Join(err, d.root.Remove(name))
	}
	return true, d.sync()
}

func (d *Directory) writeFile(name string, b []byte) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
