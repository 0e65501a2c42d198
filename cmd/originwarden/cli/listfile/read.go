package listfile

import (
	"errors"
	"fmt"
	"strings"

	"originwarden/cmd/originwarden/config/strictyaml"
	"originwarden/envelope/escape"
)

// WebIntegration is a web integration that a tenant should have.
type WebIntegration struct {
	Name string
	// ValidOrigins are the entries as they were written, in the order of the file. In
	// several of them one origin may be written in different ways.
	ValidOrigins []string
}

// Limits of what is read. They are far more than a server accepts.
const (
	// MaxFile is the maximum length of a file, in bytes.
	MaxFile = 64 << 20
	// MaxOrigins is the maximum number of valid origins in all files. It bounds what
	// aliases in YAML multiply.
	MaxOrigins = 1_000_000

	maxMistakes = 100 // are reported
)

// Reader reads files, which together have the web integrations of one tenant. Its
// zero value is ready to use.
type Reader struct {
	all      []WebIntegration
	places   map[string]string // FILE:LINE by the names of web integrations
	origins  int
	mistakes []string
}

// Add reads a file and checks it by the rules of the API. All patterns are valid
// here: which of them a tenant may have, only its server knows. The name of the file
// is for mistakes.
func (r *Reader) Add(name string, text []byte) {
	if r.isFull() {
		return
	}
	f := file{reader: r, name: name, Findings: strictyaml.New(name, strictyaml.Inheritance{})}
	if f.CheckText(text) {
		f.read(text)
	}
	for _, mistake := range f.Sorted() {
		r.mistakes = append(r.mistakes, escape.Text(mistake.String()))
	}
}

// All returns the web integrations of all files in their order, or an error with a
// line for each mistake.
func (r *Reader) All() ([]WebIntegration, error) {
	if len(r.mistakes) == 0 {
		return r.all, nil
	}
	lines := r.mistakes[:min(len(r.mistakes), maxMistakes)]
	text := strings.Join(lines, "\n")
	if r.isFull() {
		text += fmt.Sprintf("\nthese are the first %d mistakes; there may be more", maxMistakes)
	}
	return nil, errors.New(text)
}

func (r *Reader) isFull() bool { return len(r.mistakes) >= maxMistakes }
