package http1

import "io"

// room is the memory of an exchange, which the next one of the same Outgoing uses
// again.
type room struct {
	trip     roundTrip
	head     head
	fields   Fields
	response Response
	body     body
	limited  io.LimitedReader
}

// roomFor returns the memory for an exchange. An upload may outlast its exchange, and
// keeps its own.
func (o *Outgoing) roomFor() *room {
	if o.room == nil || o.Upload != nil {
		o.room = &room{fields: make(Fields, 0, 16)}
	}
	return o.room
}

// maxKeptFields is how many fields of a response have memory that is used again.
const maxKeptFields = 64

// Reset forgets the request and its response, but neither their memory nor the
// functions and contexts that belong to all requests of the caller.
func (o *Outgoing) Reset() {
	clear(o.Bytes)
	*o = Outgoing{
		Bytes: o.Bytes[:0], Context: o.Context, Watch: o.Watch, BeforeWait: o.BeforeWait, Informational: o.Informational,
		room: o.room,
	}
	if o.room != nil {
		fields := o.room.fields[:cap(o.room.fields)]
		if clear(fields); len(fields) > maxKeptFields {
			fields = nil
		}
		*o.room = room{fields: fields[:0]}
	}
}
