package packages_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// A packagedFile is a file as dpkg-deb and rpm list it.
type packagedFile struct{ mode, owner, path string }

// commonFiles are in both packages, among others.
func commonFiles() []packagedFile {
	return []packagedFile{
		{"-rwxr-xr-x", "root/root", "/usr/bin/originwarden"},
		{"-rw-r-----", "root/root", "/etc/originwarden/originwarden.yaml"},
		{"-rw-r--r--", "root/root", "/usr/lib/systemd/system/originwarden.service"},
		{"-rw-r--r--", "root/root", "/usr/lib/systemd/system/originwarden-admin.socket"},
		{"-rw-r--r--", "root/root", "/usr/lib/systemd/system/originwarden-tenants.socket"},
		{"-rw-r--r--", "root/root", "/usr/lib/sysusers.d/originwarden.conf"},
		{"-rw-r--r--", "root/root", "/usr/share/doc/originwarden/config.example.yaml"},
		{"-rw-r--r--", "root/root", "/usr/share/doc/originwarden/examples/originwarden.service.d/systemd-253.conf"},
		{"-rw-r--r--", "root/root", "/usr/share/man/man1/originwarden.1.gz"},
		{"-rw-r--r--", "root/root", "/usr/share/man/man1/originwarden-web-integration-add-origin.1.gz"},
		{"-rw-r--r--", "root/root", "/usr/share/bash-completion/completions/originwarden"},
		{"-rw-r--r--", "root/root", "/usr/share/fish/vendor_completions.d/originwarden.fish"},
	}
}

func TestDeb_HasFiles(t *testing.T) {
	requireCommand(t, "dpkg-deb")
	file := sharedRelease(t).buildPackage(t, "deb")
	requireDocumented(t, file)
	listed := map[packagedFile]bool{}
	for _, line := range regexp.MustCompile(`(?m)^(\S+) (\S+) +\d+ 2026-01-01 00:00 \.(/\S+)$`).FindAllStringSubmatch(output(t, "dpkg-deb", "-c", file), -1) {
		listed[packagedFile{line[1], line[2], line[3]}] = true
	}
	requireFiles(t, listed, append(commonFiles(),
		packagedFile{"-rw-r--r--", "root/root", "/usr/share/doc/originwarden/copyright"},
		packagedFile{"-rw-r--r--", "root/root", "/usr/share/zsh/vendor-completions/_originwarden"}))
	for field, want := range map[string]string{
		"Package": "originwarden", "Version": strings.TrimPrefix(tag, "v"), "Architecture": runtime.GOARCH, "Architecture-Variant": "",
		"Depends": "systemd | systemd-standalone-sysusers | systemd-sysusers",
	} {
		if got := strings.TrimSpace(output(t, "dpkg-deb", "-f", file, field)); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if got := output(t, "dpkg-deb", "-I", file, "conffiles"); got != "/etc/originwarden/originwarden.yaml\n" {
		t.Errorf("conffiles: %q", got)
	}
}

func TestRPM_HasFiles(t *testing.T) {
	requireCommand(t, "rpm")
	file := sharedRelease(t).buildPackage(t, "rpm")
	requireDocumented(t, file)
	listed := map[packagedFile]bool{}
	const format = `[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]`
	lines := output(t, "rpm", "-qp", "--queryformat", format, file)
	for _, line := range regexp.MustCompile(`(?m)^(\S+) (\S+) (/\S+)`).FindAllStringSubmatch(lines, -1) {
		listed[packagedFile{line[1], line[2], line[3]}] = true
	}
	requireFiles(t, listed, append(commonFiles(),
		packagedFile{"-rw-r--r--", "root/root", "/usr/share/licenses/originwarden/LICENSE"},
		packagedFile{"-rw-r--r--", "root/root", "/usr/share/zsh/site-functions/_originwarden"}))
	if !regexp.MustCompile(`(?m)/originwarden\.yaml cn$`).MatchString(lines) {
		t.Errorf("the configuration is not config(noreplace):\n%s", lines)
	}
	if host := output(t, "rpm", "-qp", "--queryformat", "%{BUILDHOST}", file); host != "originwarden" {
		t.Errorf("build host: %q", host)
	}
}

// requireDocumented checks that docs/install.md has the name of the file, in its
// version and architecture.
func requireDocumented(t *testing.T, file string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(sharedRelease(t).dir, "docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	name := strings.NewReplacer(strings.TrimPrefix(tag, "v"), "1.0.0", "arm64", "amd64", "aarch64", "x86_64").Replace(filepath.Base(file))
	if !strings.Contains(string(page), " ./"+name) {
		t.Errorf("docs/install.md does not install %s", name)
	}
}

func requireFiles(t *testing.T, listed map[packagedFile]bool, want []packagedFile) {
	t.Helper()
	for _, file := range want {
		if !listed[file] {
			t.Errorf("the package has no %v", file)
		}
	}
	for file := range listed {
		if !strings.Contains(file.path, "originwarden") && !strings.HasPrefix(file.mode, "d") {
			t.Errorf("a file of another name: %v", file)
		}
	}
}

func TestArchive_HasFiles(t *testing.T) {
	file := sharedRelease(t).buildArchive(t)
	listed := output(t, "tar", "-tf", file)
	name := "originwarden_" + strings.TrimPrefix(tag, "v") + "_linux_" + runtime.GOARCH + "/"
	for _, path := range []string{"originwarden", "LICENSE", "config.example.yaml", "man/originwarden-serve.1.gz", "completions/originwarden", "completions/_originwarden", "completions/originwarden.fish", "completions/originwarden.ps1"} {
		if !strings.Contains(listed, name+path+"\n") {
			t.Errorf("the archive has no %s%s:\n%s", name, path, listed)
		}
	}
}

// requireCommand skips the test if the command is not installed.
func requireCommand(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
}

func output(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, arguments, err, out)
	}
	return string(out)
}
