package extauthz

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"originwarden/proxy/cors"
)

// fields are what Envoy is told about the header of a response.
type fields struct {
	all []*corev3.HeaderValueOption
	// What all refers to: two allocations instead of two for each line.
	options []corev3.HeaderValueOption
	values  []corev3.HeaderValue
}

// newFields returns fields with room for the lines of a header, and for more.
func newFields(header []cors.Field, more int) *fields {
	for _, f := range header {
		more += len(f.Values)
	}
	return &fields{make([]*corev3.HeaderValueOption, 0, more), make([]corev3.HeaderValueOption, more), make([]corev3.HeaderValue, more)}
}

// addLines adds the lines of a field, of which an action is for the first.
func (f *fields) addLines(field cors.Field, action corev3.HeaderValueOption_HeaderAppendAction) {
	for _, value := range field.Values {
		f.add(field.Name, value, action)
		action = add
	}
}

func (f *fields) add(name, value string, action corev3.HeaderValueOption_HeaderAppendAction) {
	n := len(f.all)
	option, line := &f.options[n], &f.values[n]
	line.Key, line.Value = lowerCase(name), value
	option.Header, option.AppendAction, option.KeepEmptyValue = line, action, value == ""
	f.all = append(f.all, option)
}

// lowerCase returns a name as HTTP/2 has it.
func lowerCase(name string) string {
	switch name {
	case "Access-Control-Allow-Origin":
		return "access-control-allow-origin"
	case "Access-Control-Allow-Credentials":
		return "access-control-allow-credentials"
	case "Access-Control-Allow-Methods":
		return "access-control-allow-methods"
	case "Access-Control-Allow-Headers":
		return "access-control-allow-headers"
	case "Access-Control-Expose-Headers":
		return "access-control-expose-headers"
	case "Access-Control-Max-Age":
		return "access-control-max-age"
	case "Cache-Control":
		return "cache-control"
	case "Content-Type":
		return "content-type"
	case "Vary":
		return "vary"
	}
	return strings.ToLower(name)
}
