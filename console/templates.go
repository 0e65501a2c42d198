package console

import (
	"embed"
	"html/template"
	"io/fs"

	"originwarden/console/assets"
)

// files has a template for each page, and what these name.
//
//go:embed templates static
var files embed.FS

func readFiles() (assets.Static, map[string]*template.Template) {
	templates, _ := fs.Sub(files, "templates") // which cannot fail
	named, _ := fs.Sub(files, "static")
	static := assets.ReadStatic(named)
	return static, assets.ParsePages(templates, static, pageFunctions())
}

func (r *request) serveStatic() error {
	if !r.static.Serve(r.w, r.PathValue("name")) {
		return errNotFound
	}
	return nil
}
