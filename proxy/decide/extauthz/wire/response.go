package wire

// CheckResponse is what is said in an envoy.service.auth.v3.CheckResponse.
type CheckResponse struct {
	// Forwards says that Envoy forwards the request: the status is OK, with ok_response,
	// instead of PERMISSION_DENIED with denied_response.
	Forwards bool
	// Status and Body are those of the response that Envoy sends if it does not forward.
	Status int
	Body   string
	// Headers are headers of denied_response, or response_headers_to_add of ok_response.
	Headers []HeaderOption
	// RemovedHeaders are headers_to_remove of ok_response: those of the request.
	RemovedHeaders []string
	// Verdict and Reason are the fields of these names of dynamic_metadata.
	Verdict, Reason string
}

// HeaderOption is an envoy.config.core.v3.HeaderValueOption. An empty value is kept.
type HeaderOption struct {
	Name, Value string
	Action      Action
}

// Action is an envoy.config.core.v3.HeaderValueOption.HeaderAppendAction.
type Action uint8

// What is done with a field of the response.
const (
	Add     Action = 0 // APPEND_IF_EXISTS_OR_ADD
	Set     Action = 2 // OVERWRITE_IF_EXISTS_OR_ADD
	Replace Action = 3 // OVERWRITE_IF_EXISTS
)

// permissionDenied is the code of google.rpc.Status (google/rpc/code.proto).
const permissionDenied = 7

// Append appends the encoded message to b.
func (r *CheckResponse) Append(b []byte) []byte {
	e := encoder(b)
	status := e.begin(1)
	if !r.Forwards {
		e.number(1, permissionDenied)
	}
	e.end(status)
	if r.Forwards {
		r.appendOK(&e)
	} else {
		r.appendDenied(&e)
	}
	r.appendMetadata(&e)
	return e
}

func (r *CheckResponse) appendDenied(e *encoder) {
	denied := e.begin(2)
	status := e.begin(1)
	e.number(1, uint64(r.Status))
	e.end(status)
	for i := range r.Headers {
		r.Headers[i].append(e, 2)
	}
	e.string(3, r.Body)
	e.end(denied)
}

func (r *CheckResponse) appendOK(e *encoder) {
	ok := e.begin(3)
	for _, name := range r.RemovedHeaders {
		e.string(5, name)
	}
	for i := range r.Headers {
		r.Headers[i].append(e, 6)
	}
	e.end(ok)
}

// append appends the option as a field of a number.
func (o *HeaderOption) append(e *encoder, number int) {
	option := e.begin(number)
	header := e.begin(1)
	e.string(1, o.Name)
	e.string(2, o.Value)
	e.end(header)
	e.number(3, uint64(o.Action))
	if o.Value == "" {
		e.number(4, 1) // keep_empty_value
	}
	e.end(option)
}

// appendMetadata appends a google.protobuf.Struct, which is a map to Values.
func (r *CheckResponse) appendMetadata(e *encoder) {
	metadata := e.begin(4)
	for _, f := range [...]struct{ name, value string }{{"reason", r.Reason}, {"verdict", r.Verdict}} {
		entry := e.begin(1)
		e.string(1, f.name)
		value := e.begin(2)
		e.string(3, f.value)
		e.end(value)
		e.end(entry)
	}
	e.end(metadata)
}
