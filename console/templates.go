package console

import (
	"embed"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"time"
)

//go:embed templates
var templateFolder embed.FS

// parsePages parses each page below templates together with layout.html and
// parts.html, which all share.
func parsePages(static staticFiles) map[string]*template.Template {
	files, _ := fs.Sub(templateFolder, "templates") // which cannot fail
	shared := template.Must(template.New("").Funcs(templateFunctions(static)).ParseFS(files, "layout.html", "parts.html"))
	pages := map[string]*template.Template{}
	names, _ := fs.Glob(files, "*.html")
	for _, name := range names {
		if name != "layout.html" && name != "parts.html" {
			pages[path.Base(name)] = template.Must(template.Must(shared.Clone()).ParseFS(files, name))
		}
	}
	return pages
}

// templateFunctions are what templates may call besides Go's own functions.
func templateFunctions(static staticFiles) template.FuncMap {
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
