// Package assets reads the console's files: templates, and the style sheet, scripts and
// images that they name.
package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// staticFile is served under a name that has its hash, so that browsers may keep it.
type staticFile struct {
	content   []byte
	mediaType string
}

// Static are the files that pages name. They are immutable.
type Static struct {
	byServedName map[string]staticFile
	servedNames  map[string]string // by the name in the folder
}

// ReadStatic reads the files of a folder, which is embedded in the binary and so cannot
// fail.
func ReadStatic(folder fs.FS) Static {
	all := Static{map[string]staticFile{}, map[string]string{}}
	names, _ := fs.Glob(folder, "*")
	for _, name := range names {
		content, _ := fs.ReadFile(folder, name)
		hash, extension := sha256.Sum256(content), path.Ext(name)
		served := strings.TrimSuffix(name, extension) + "-" + hex.EncodeToString(hash[:6]) + extension
		all.byServedName[served] = staticFile{content, mime.TypeByExtension(extension)}
		all.servedNames[name] = "/static/" + served
	}
	return all
}

// Serve sends the file with a served name, or reports that there is none.
func (s Static) Serve(w http.ResponseWriter, name string) (found bool) {
	file, ok := s.byServedName[name]
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", file.mediaType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(file.content)
	return true
}

// ParsePages parses each file of a folder together with layout.html and parts.html,
// which all share. The templates may call the functions below and more. It panics if a
// template is invalid: they are part of the binary.
func ParsePages(folder fs.FS, static Static, more template.FuncMap) map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(functions(static)).Funcs(more).ParseFS(folder, "layout.html", "parts.html"))
	pages := map[string]*template.Template{}
	names, _ := fs.Glob(folder, "*.html")
	for _, name := range names {
		if name != "layout.html" && name != "parts.html" {
			pages[name] = template.Must(template.Must(shared.Clone()).ParseFS(folder, name))
		}
	}
	return pages
}

// functions are what templates may call besides Go's own functions.
func functions(static Static) template.FuncMap {
	return template.FuncMap{
		"static": func(name string) string { return static.servedNames[name] },
		"day":    func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"number": groupDigits,
		"plural": func(n int, one, many string) string {
			if n == 1 {
				return "1 " + one
			}
			return groupDigits(n) + " " + many
		},
	}
}

// groupDigits writes a number with commas, as in 1,000.
func groupDigits(number any) string {
	var digits string
	switch n := number.(type) {
	case int:
		digits = strconv.Itoa(n)
	case uint64:
		digits = strconv.FormatUint(n, 10)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
