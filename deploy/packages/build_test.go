package packages_test

import (
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goreleaser/goreleaser/v2/pkg/archive"
	"github.com/goreleaser/goreleaser/v2/pkg/config"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// conventionalName lets goreleaser name a package as its format does, and not as
// goreleaser names archives.
const conventionalName = "{{ .ConventionalFileName }}"

// buildPackage builds a package of the section nfpms as goreleaser does, and returns
// its file. A key that is not handled here fails the test.
func (r *release) buildPackage(t *testing.T, format string) string {
	t.Helper()
	t.Chdir(r.dir) // the sources are relative
	section := r.config.NFPMs[0]
	override := section.Overrides[format]
	info := &nfpm.Info{
		Name: r.config.ProjectName, Version: strings.TrimPrefix(tag, "v"), Arch: runtime.GOARCH, Platform: "linux",
		Section: section.Section, Maintainer: section.Maintainer, Description: section.Description, License: section.License,
		MTime: r.parseTime(t, section.MTime),
		Overridables: nfpm.Overridables{
			Umask: section.Umask, Recommends: section.Recommends, Depends: override.Dependencies,
			Contents: r.packageContents(t, section), RPM: nfpm.RPM{BuildHost: section.RPM.BuildHost},
			Deb:     nfpm.Deb{ArchVariant: r.archVariant()},
			Scripts: nfpm.Scripts{PostInstall: section.Scripts.PostInstall, PreRemove: section.Scripts.PreRemove, PostRemove: section.Scripts.PostRemove},
		},
	}
	requireHandled(t, section, override)
	packager, err := nfpm.Get(format)
	if err != nil {
		t.Fatal(err)
	}
	info = nfpm.WithDefaults(info)
	file, err := os.Create(filepath.Join(r.dir, "dist", packager.ConventionalFileName(info)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := packager.Package(info, file); err != nil {
		t.Fatalf("building the %s: %v", format, err)
	}
	return file.Name()
}

// archVariant returns the variant of the architecture that goreleaser passes to nfpm.
func (r *release) archVariant() string {
	if runtime.GOARCH != "amd64" {
		return ""
	}
	for _, target := range r.config.Builds[0].Targets {
		if variant, ok := strings.CutPrefix(target, "linux_amd64_"); ok {
			return variant
		}
	}
	return "v1" // the default
}

// packageContents returns the files of a package, in the order of goreleaser.
func (r *release) packageContents(t *testing.T, section config.NFPM) (all files.Contents) {
	t.Helper()
	for _, content := range section.Contents {
		all = append(all, &files.Content{
			Source: content.Source, Destination: content.Destination, Type: content.Type, Packager: content.Packager,
			FileInfo: &files.ContentFileInfo{Mode: content.FileInfo.Mode},
		})
	}
	return append(all, &files.Content{
		Source: r.binary, Destination: path.Join(section.Bindir, "originwarden"),
		FileInfo: &files.ContentFileInfo{Mode: 0o755, MTime: r.parseTime(t, section.MTime)},
	})
}

// requireHandled fails the test if the section has keys that buildPackage ignores.
func requireHandled(t *testing.T, section config.NFPM, override config.NFPMOverridables) {
	t.Helper()
	override.Dependencies = nil
	if !reflect.DeepEqual(override, config.NFPMOverridables{}) {
		t.Fatalf("the test does not know the overrides %+v", override)
	}
	for _, content := range section.Contents {
		content.FileInfo.Mode, content.Source, content.Destination, content.Type, content.Packager = 0, "", "", "", ""
		if content != (config.NFPMContent{}) {
			t.Fatalf("the test does not know the keys of the content %+v", content)
		}
	}
	known := config.NFPM{
		Overrides: section.Overrides, Formats: section.Formats, Section: section.Section, Maintainer: section.Maintainer,
		Description: section.Description, License: section.License, Bindir: section.Bindir, MTime: section.MTime,
	}
	known.FileNameTemplate = conventionalName // that of buildPackage
	known.Umask, known.Recommends, known.Contents = section.Umask, section.Recommends, section.Contents
	known.RPM.BuildHost, known.Scripts = section.RPM.BuildHost, section.Scripts
	if !reflect.DeepEqual(section, known) {
		t.Fatalf("the test does not know all keys of nfpms: %+v", section)
	}
}

// buildArchive builds the archive for Linux as goreleaser does.
func (r *release) buildArchive(t *testing.T) string {
	t.Helper()
	t.Chdir(r.dir)
	section := r.config.Archives[0]
	name := strings.Join([]string{r.config.ProjectName, strings.TrimPrefix(tag, "v"), "linux", runtime.GOARCH}, "_")
	file, err := os.Create(filepath.Join(r.dir, "dist", name+"."+section.Formats[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	writer, err := archive.New(file, section.Formats[0])
	if err != nil {
		t.Fatal(err)
	}
	contents := append(r.archiveContents(t, section.Files), r.archived(t, r.binary, "originwarden", section.BuildsInfo))
	for _, content := range contents {
		content.Destination = path.Join(name, content.Destination)
		if err := writer.Add(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// archiveContents returns the files that the patterns of an archive match.
func (r *release) archiveContents(t *testing.T, patterns []config.File) (all []config.File) {
	t.Helper()
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern.Source)
		if err != nil || matches == nil {
			t.Fatalf("%s: no such file (%v)", pattern.Source, err)
		}
		for _, match := range matches {
			all = append(all, r.archived(t, match, path.Join(pattern.Destination, filepath.Base(match)), pattern.Info))
		}
	}
	slices.SortFunc(all, func(a, b config.File) int { return strings.Compare(a.Destination, b.Destination) })
	return all
}

func (r *release) archived(t *testing.T, source, destination string, info config.FileInfo) config.File {
	t.Helper()
	info.ParsedMTime = r.parseTime(t, info.MTime)
	return config.File{Source: source, Destination: destination, Info: info}
}

func (r *release) parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	expanded, err := r.expand(text)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := time.Parse(time.RFC3339, expanded)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
