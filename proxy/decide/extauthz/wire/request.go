package wire

// CheckRequest is what is used of an envoy.service.auth.v3.CheckRequest. What is missing
// in it is empty. All strings are parts of one: whoever keeps a string keeps the size of
// the message, unless it is cloned.
type CheckRequest struct {
	// Source is attributes.source.address.socket_address.address.
	Source string
	// IsHTTP says that there is attributes.request.http, whose fields follow.
	IsHTTP                                                bool
	Method, Path, Host, Scheme, Query, Fragment, Protocol string
	Size                                                  int64
	// Headers are headers, a map. A name that comes twice, which no encoder does, is here
	// twice.
	Headers Lines
	// HeaderMap are header_map.headers, in order.
	HeaderMap Lines
}

// Lines are the lines of a header: the name and the value of each, one more than MaxLines
// at most.
type Lines struct {
	Names, Values []string
	// Ambiguous says that a line has both a value and a raw value. Its raw value is here.
	Ambiguous bool
}

// MaxLines is how many lines of a header are read. One more tells that there are more.
const MaxLines = 1000

// The tags of fields that are used, by message.
const (
	attributesOfRequest = 1<<3 | delimited

	sourceOfAttributes  = 1<<3 | delimited
	requestOfAttributes = 4<<3 | delimited

	addressOfPeer = 1<<3 | delimited

	socketOfAddress   = 1<<3 | delimited
	pipeOfAddress     = 2<<3 | delimited
	internalOfAddress = 3<<3 | delimited

	addressOfSocket = 2<<3 | delimited

	httpOfRequest = 2<<3 | delimited

	methodOfHTTP    = 2<<3 | delimited
	headersOfHTTP   = 3<<3 | delimited
	pathOfHTTP      = 4<<3 | delimited
	hostOfHTTP      = 5<<3 | delimited
	schemeOfHTTP    = 6<<3 | delimited
	queryOfHTTP     = 7<<3 | delimited
	fragmentOfHTTP  = 8<<3 | delimited
	sizeOfHTTP      = 9<<3 | varint
	protocolOfHTTP  = 10<<3 | delimited
	headerMapOfHTTP = 13<<3 | delimited

	linesOfHeaderMap = 1<<3 | delimited

	// Of a line, and of an entry of headers, which has no raw value.
	nameOfLine     = 1<<3 | delimited
	valueOfLine    = 2<<3 | delimited
	rawValueOfLine = 3<<3 | delimited
)

// Unmarshal reads an encoded message, which is not kept. As Protocol Buffers want it, of a
// field that comes several times the last one counts, but messages are merged. After an
// error, r has what was read before.
func (r *CheckRequest) Unmarshal(encoded []byte) error {
	*r = CheckRequest{}
	var err error
	for m := (message{rest: encoded, restText: string(encoded), err: &err}); m.next(); {
		if m.tag == attributesOfRequest {
			r.readAttributes(m.open())
		}
	}
	return err
}

func (r *CheckRequest) readAttributes(m message) {
	for m.next() {
		switch m.tag {
		case sourceOfAttributes:
			r.readPeer(m.open())
		case requestOfAttributes:
			r.readRequest(m.open())
		}
	}
}

func (r *CheckRequest) readPeer(m message) {
	for m.next() {
		if m.tag == addressOfPeer {
			r.readAddress(m.open())
		}
	}
}

// readAddress reads an address, which is only one of what it may be.
func (r *CheckRequest) readAddress(m message) {
	for m.next() {
		switch m.tag {
		case socketOfAddress:
			r.readSocket(m.open())
		case pipeOfAddress, internalOfAddress:
			r.Source = ""
		}
	}
}

func (r *CheckRequest) readSocket(m message) {
	for m.next() {
		if m.tag == addressOfSocket {
			r.Source = m.string()
		}
	}
}

func (r *CheckRequest) readRequest(m message) {
	for m.next() {
		if m.tag == httpOfRequest {
			r.IsHTTP = true
			r.readHTTP(m.open())
		}
	}
}

func (r *CheckRequest) readHTTP(m message) {
	for m.next() {
		switch m.tag {
		case methodOfHTTP:
			r.Method = m.string()
		case pathOfHTTP:
			r.Path = m.string()
		case hostOfHTTP:
			r.Host = m.string()
		case schemeOfHTTP:
			r.Scheme = m.string()
		case queryOfHTTP:
			r.Query = m.string()
		case fragmentOfHTTP:
			r.Fragment = m.string()
		case protocolOfHTTP:
			r.Protocol = m.string()
		case sizeOfHTTP:
			r.Size = int64(m.number)
		case headersOfHTTP:
			r.Headers.readLine(m.open(), false)
		case headerMapOfHTTP:
			r.HeaderMap.read(m.open())
		}
	}
}

func (l *Lines) read(m message) {
	for m.next() {
		if m.tag == linesOfHeaderMap {
			l.readLine(m.open(), true)
		}
	}
}

// readLine reads a line, whose value may be raw.
func (l *Lines) readLine(m message, mayBeRaw bool) {
	var name, value, raw string
	for m.next() {
		switch {
		case m.tag == nameOfLine:
			name = m.string()
		case m.tag == valueOfLine:
			value = m.string()
		case m.tag == rawValueOfLine && mayBeRaw:
			raw = m.text
		}
	}
	if len(l.Names) > MaxLines {
		return
	}
	l.Ambiguous = l.Ambiguous || raw != "" && value != ""
	if raw != "" {
		value = raw
	}
	l.add(name, value)
}

// add adds a line. Most headers need no more room than they get at once.
func (l *Lines) add(name, value string) {
	if l.Names == nil {
		room := make([]string, 2*usualLines)
		l.Names, l.Values = room[:0:usualLines], room[usualLines:usualLines]
	}
	l.Names, l.Values = append(l.Names, name), append(l.Values, value)
}

const usualLines = 24
