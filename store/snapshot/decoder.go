package snapshot

import (
	"encoding/binary"
	"errors"

	"originwarden/origins"
)

var errMalformed = errors.New("it is malformed")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads what was encoded. After a failure, everything that it returns
// is zero.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) fail() { d.failed, d.rest = true, nil }

func (d *decoder) advance(n int) {
	if n <= 0 { // as the varints say that there is none
		d.fail()
		return
	}
	d.rest = d.rest[n:]
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.advance(n)
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.rest)
	d.advance(n)
	return v
}

func (d *decoder) kind() byte {
	if len(d.rest) == 0 {
		d.fail()
		return noMore
	}
	k := d.rest[0]
	d.rest = d.rest[1:]
	return k
}

// take returns the next n bytes, which are those of the file.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) bytes() []byte { return d.take(d.uint()) }

// entry is what a segment says of a tenant.
type entry struct {
	tenant   string
	gone     bool
	complete uint64
	changes  []origins.Change
	size     int64
}

// entry reads the next one. Without wanted, it has no changes.
func (d *decoder) entry(wanted func(tenant string) bool) (e entry) {
	from := len(d.rest)
	e.tenant = string(d.bytes())
	switch d.kind() {
	case gone:
		e.gone = true
	case listed:
		e.complete = d.uint()
		e.changes = d.changes(e.tenant, wanted(e.tenant))
	default:
		d.fail()
	}
	e.size = int64(from - len(d.rest))
	return e
}

func (d *decoder) changes(tenant string, wanted bool) (all []origins.Change) {
	for !d.failed {
		kind := d.kind()
		if kind == noMore {
			return all
		}
		if kind != live && kind != deleted {
			d.fail()
			return nil
		}
		c := origins.Change{Tenant: tenant, Deleted: kind == deleted}
		c.ID, c.Revision = string(d.bytes()), d.uint()
		if kind == live {
			c.Origins = d.origins(wanted)
		}
		if wanted {
			all = append(all, c)
		}
	}
	return nil
}

// origins reads a block of origins. They share one string, which is less to
// allocate, and goes when the web integration has changed.
func (d *decoder) origins(wanted bool) []string {
	n, block := d.uint(), d.bytes()
	if !wanted {
		return nil
	}
	if n > uint64(len(block)) {
		d.fail()
		return nil
	}
	all, shared := make([]string, n), string(block)
	each := decoder{rest: block}
	for i := range all {
		length := len(each.bytes())
		end := len(shared) - len(each.rest)
		all[i] = shared[end-length : end]
	}
	if each.failed || len(each.rest) > 0 {
		d.fail()
		return nil
	}
	return all
}
