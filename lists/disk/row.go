package disk

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"slices"
	"strings"
	"weak"

	"originwarden/origins"
)

// contents are the ids and digests of the file's rows.
type contents struct {
	tenants map[string]*tenant
	digests digest
}

// tenant is the rows of one tenant. It does not change.
type tenant struct {
	// list is the one that was written: the same pointer is the same list.
	// Being weak, it keeps no list in memory.
	list         weak.Pointer[origins.List]
	complete     fileRow
	integrations map[string]fileRow
}

// fileRow is a row in the file.
type fileRow struct {
	id      int64 // 0 if there is no such row
	digest  digest
	version origins.Version // of an integration
}

// row is a row of the table lists.
type row struct {
	tenant      string
	kind        int
	integration string
	revision    uint64
	origins     string
}

// rowOf returns the row of a web integration, the same for the same origins.
func rowOf(c origins.Change) row {
	r := row{tenant: c.Tenant, kind: kindPresent, integration: c.ID, revision: c.Revision}
	if c.Deleted {
		r.kind = kindDeleted
		return r
	}
	slices.Sort(c.Origins)
	r.origins = strings.Join(c.Origins, "\n")
	return r
}

// change is the opposite of rowOf. The origins share one string, which needs
// fewer allocations, and is freed when the web integration has changed.
func (r row) change() origins.Change {
	c := origins.Change{Tenant: r.tenant, Part: origins.Part{ID: r.integration, Revision: r.revision}, Deleted: r.kind == kindDeleted}
	if r.origins != "" {
		c.Origins = strings.Split(r.origins, "\n")
	}
	return c
}

func (r row) digest() digest {
	return digestOf([]uint64{uint64(r.kind), r.revision}, r.tenant, r.integration, r.origins)
}

// digest is a SHA-256 sum, or several that are combined.
type digest [sha256.Size]byte

// digestOf returns the digest of the values. Each text is preceded by its length.
func digestOf(numbers []uint64, texts ...string) digest {
	size := 0
	for _, text := range texts {
		size += binary.MaxVarintLen64 + len(text)
	}
	b := make([]byte, 0, size+len(numbers)*8)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return sha256.Sum256(b)
}

// toggle adds the digest of a row, or removes it if it was added. The order of
// rows does not matter.
func (d *digest) toggle(row digest) { subtle.XORBytes(d[:], d[:], row[:]) }
