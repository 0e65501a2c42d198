package disk

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
)

// position is the row of the table snapshot.
type position struct {
	format    int
	store     string
	revision  uint64
	confirmed int64 // in seconds since 1970
	digests   digest
}

func (p *position) digest() digest {
	return digestOf([]uint64{uint64(p.format), p.revision, uint64(p.confirmed)}, p.store, string(p.digests[:]))
}

func (p *position) write(tx *sql.Tx) error {
	own := p.digest()
	_, err := tx.Exec("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?, ?)",
		p.format, p.store, int64(p.revision), p.confirmed, p.digests[:], own[:])
	return err
}

func readPosition(db *sql.DB) (p position, err error) {
	if err := db.QueryRow("SELECT format FROM snapshot").Scan(&p.format); err != nil {
		return p, fmt.Errorf("it is cut off or damaged, or not one of this program: %w", err)
	}
	if p.format != format {
		return p, fmt.Errorf("its format is version %d, this program knows %d", p.format, format)
	}
	var revision int64
	var digests, own []byte
	err = db.QueryRow("SELECT store, revision, confirmed, digests, digest FROM snapshot").
		Scan(&p.store, &revision, &p.confirmed, &digests, &own)
	if err != nil {
		return p, fmt.Errorf("it is damaged: %w", err)
	}
	p.revision = uint64(revision)
	copy(p.digests[:], digests)
	if want := p.digest(); !bytes.Equal(own, want[:]) {
		return p, errors.New("it is damaged: the checksum of its position is wrong")
	}
	return p, nil
}
