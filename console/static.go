package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
	"strings"
)

//go:embed static
var staticFolder embed.FS

// staticFile is served under a name that has its hash, so that browsers may keep it.
type staticFile struct {
	content   []byte
	mediaType string
}

// staticFiles are the style sheet and the scripts. They are immutable.
type staticFiles struct {
	byServedName map[string]staticFile
	servedNames  map[string]string // by the name in the folder
}

func readStaticFiles() staticFiles {
	all := staticFiles{map[string]staticFile{}, map[string]string{}}
	names, _ := fs.Glob(staticFolder, "static/*") // embedded files cannot fail
	for _, file := range names {
		content, _ := staticFolder.ReadFile(file)
		hash := sha256.Sum256(content)
		name, extension := path.Base(file), path.Ext(file)
		served := strings.TrimSuffix(name, extension) + "-" + hex.EncodeToString(hash[:6]) + extension
		all.byServedName[served] = staticFile{content, mime.TypeByExtension(extension)}
		all.servedNames[name] = "/static/" + served
	}
	return all
}

func (r *request) serveStatic() error {
	file, ok := r.static.byServedName[r.PathValue("name")]
	if !ok {
		return errNotFound
	}
	header := r.w.Header()
	header.Set("Content-Type", file.mediaType)
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	r.w.Write(file.content)
	return nil
}
