package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"originwarden/cmd/originwarden/atomicfile"
)

func TestWrite_ReplacesFileAtomically(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	errBroken := errors.New("broken")
	for _, c := range []struct {
		text string
		err  error
		want string
	}{{"one", nil, "one"}, {"two", errBroken, "one"}, {"three", nil, "three"}} {
		err := atomicfile.Write(name, func(w io.Writer) error {
			io.WriteString(w, c.text)
			return c.err
		})
		got, _ := os.ReadFile(name)
		if !errors.Is(err, c.err) || string(got) != c.want {
			t.Errorf("writing %s: %v, file contains %s", c.text, err, got)
		}
	}
	if stat, err := os.Stat(name); err != nil || stat.Mode()&0o077 != 0 && filepath.Separator == '/' {
		t.Errorf("file mode: %v, %v", stat, err)
	}
	if atomicfile.Write(dir, func(io.Writer) error { return nil }) == nil {
		t.Error("a directory was replaced")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("temporary files remain: %v", files)
	}
}
