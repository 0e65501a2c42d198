package proxy

import "originwarden/proxy/cors"

// ownResponse is a response of the gateway itself, to which a lane adds the CORS
// headers and what delimits it.
type ownResponse struct {
	status int
	fields []field
	body   []byte
	room   [8]field
}

type field = cors.Field

// Values that are the same in every response. They are not changed.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

func (o *ownResponse) begin(status int) { o.status, o.fields, o.body = status, o.room[:0], nil }

func (o *ownResponse) add(name string, values []string) {
	o.fields = append(o.fields, field{Name: name, Values: values})
}
