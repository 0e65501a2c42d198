package proxy

// ownResponse is a response of the gateway itself, to which a lane adds the CORS
// headers and what delimits it.
type ownResponse struct {
	status int
	fields []field
	body   []byte
	room   [8]field
}

// field has one value for each of its lines.
type field struct {
	name   string // canonical
	values []string
}

var jsonType = []string{"application/json"}

func (o *ownResponse) begin(status int) { o.status, o.fields, o.body = status, o.room[:0], nil }

func (o *ownResponse) add(name string, values []string) {
	o.fields = append(o.fields, field{name, values})
}
