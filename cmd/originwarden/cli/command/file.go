package command

import (
	"fmt"
	"io"
	"os"
)

// ReadFile reads a file of at most limit bytes. The name "-" is stdin, unless
// that is nil.
func ReadFile(name string, stdin io.Reader, limit int64) ([]byte, error) {
	from := stdin
	if name != "-" || stdin == nil {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return text, err
}
