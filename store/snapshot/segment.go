package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"

	"originwarden/origins"
)

// A segment is entries without anything around them: a tenant, and what has
// become of its list. A list is its complete revision and changes, up to
// noMore. A change is its kind, id and revision; a live one has a block of
// origins besides, each with its length before it.
const (
	noMore = iota // in place of a change
	live
	deleted
	listed // what follows the tenant
	gone
)

// writer writes a segment.
type writer struct {
	d    *Directory
	s    *segment
	f    *os.File
	to   *bufio.Writer
	sum  hash.Hash
	b, o []byte // to encode in
}

func (d *Directory) newWriter() (*writer, error) {
	w := &writer{d: d, s: &segment{id: newID()}, sum: sha256.New()}
	var err error
	if w.f, err = d.create(w.s.id.file()); err != nil {
		return nil, err
	}
	w.to = bufio.NewWriterSize(io.MultiWriter(w.f, w.sum), 256<<10)
	return w, nil
}

// add writes the tenant's list, or that there is none, and returns how many
// bytes that takes.
func (w *writer) add(tenant string, l *origins.List) (int64, error) {
	from := w.s.size
	w.b = appendString(w.b[:0], tenant)
	if l == nil {
		w.b = append(w.b, gone)
		return w.flush(from)
	}
	w.b = binary.AppendUvarint(append(w.b, listed), l.Complete())
	for c := range l.Changes(tenant) {
		w.change(c)
		if _, err := w.flush(from); err != nil {
			return 0, err
		}
	}
	w.b = append(w.b, noMore)
	return w.flush(from)
}

func (w *writer) change(c origins.Change) {
	kind := byte(live)
	if c.Deleted {
		kind = deleted
	}
	w.b = appendString(append(w.b, kind), c.ID)
	w.b = binary.AppendUvarint(w.b, c.Revision)
	if c.Deleted {
		return
	}
	w.o = w.o[:0]
	for _, o := range c.Origins {
		w.o = appendString(w.o, o)
	}
	w.b = binary.AppendUvarint(w.b, uint64(len(c.Origins)))
	w.b = binary.AppendUvarint(w.b, uint64(len(w.o)))
	w.b = append(w.b, w.o...)
}

// flush writes what was encoded and returns how many bytes there are since
// from.
func (w *writer) flush(from int64) (int64, error) {
	n, err := w.to.Write(w.b)
	w.s.size += int64(n)
	w.b = w.b[:0]
	return w.s.size - from, err
}

// close returns the segment once it is on disk. Nothing names it yet; its own
// name lasts with the manifest's.
func (w *writer) close() (*segment, error) {
	if err := errors.Join(w.to.Flush(), w.f.Sync(), w.f.Close()); err != nil {
		return nil, err
	}
	w.sum.Sum(w.s.sum[:0])
	return w.s, nil
}

// abandon makes room: the disk may be full.
func (w *writer) abandon() error {
	_ = w.f.Close() // again, maybe
	return ignoreMissing(w.d.root.Remove(w.s.id.file()))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readSegment returns the contents of a segment that is what the manifest says.
func (d *Directory) readSegment(s *segment) ([]byte, error) {
	f, size, err := d.regular(s.id.file())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size != s.size {
		return nil, errors.New("it is torn: its size is not that in the manifest")
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != s.sum {
		return nil, errors.New("it is torn: its checksum does not hold")
	}
	return b, nil
}
