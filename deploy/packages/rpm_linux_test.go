package packages_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestRPM_InstallsRunsAndIsRemoved has the rpm command install the package on this
// machine, whatever its distribution, with a database of its own. It takes
// ORIGINWARDEN_INSTALL=yes, and root.
func TestRPM_InstallsRunsAndIsRemoved(t *testing.T) {
	if os.Getenv("ORIGINWARDEN_INSTALL") != "yes" {
		t.Skip("ORIGINWARDEN_INSTALL is not yes: this test installs a package on the machine")
	}
	requireCommand(t, "rpm")
	if before := traces(t); before != "" {
		t.Fatalf("originwarden is already on this machine:\n%s", before)
	}
	page, file := readPage(t), sharedRelease(t).buildPackage(t, "rpm")
	rpm := "rpm --dbpath " + t.TempDir() + " "
	if output(t, "rpm", "--eval", "%{_vendor}") == "debian\n" {
		rpm += "--force-debian " // which asks for dpkg otherwise
	}
	t.Cleanup(func() {
		exec.Command("sh", "-c", rpm+"-e originwarden; userdel originwarden; rm -rf /var/lib/originwarden /etc/originwarden").Run()
	})

	// The database is empty, so nothing that the package needs is known.
	if said := shell(t, rpm+"-i --nodeps "+file); !strings.Contains(said, "not started") {
		t.Errorf("the installation does not say how to start:\n%s", said)
	}
	gateway := startByHand(t, page)
	if answer, want := gateway.run(t, page.firstLine(t, "$ curl")), page.outputOf(t, "$ curl"); !strings.HasPrefix(answer, want) {
		t.Errorf("the answer is\n%swant %s", answer, want)
	}
	gateway.stop(t)
	checkModes(t)

	const config = "/etc/originwarden/originwarden.yaml"
	shell(t, "echo '# changed' >>"+config)
	if said := shell(t, rpm+"-U --nodeps --force "+file); !strings.Contains(said, "systemctl restart originwarden") {
		t.Errorf("the upgrade does not say that the gateway is not restarted:\n%s", said)
	}
	if text, err := os.ReadFile(config); err != nil || !strings.HasSuffix(string(text), "# changed\n") {
		t.Errorf("the upgrade replaced the configuration: %v\n%s", err, text)
	}
	checkModes(t)
	checkRPMRemoval(t, page, rpm)
}

// checkRPMRemoval removes the package while a gateway runs that was started by hand. rpm
// has no purge: what an operator has changed, the lists and the user stay.
func checkRPMRemoval(t *testing.T, page document, rpm string) {
	t.Helper()
	startByHand(t, page)
	if len(running(t)) == 0 {
		t.Fatal("no gateway runs before the removal")
	}
	shell(t, rpm+"-e --nodeps originwarden")
	if left := running(t); len(left) > 0 {
		t.Errorf("the removal does not stop the gateway: %q", left)
	}
	for _, kept := range []string{"/etc/originwarden/originwarden.yaml.rpmsave", "/var/lib/originwarden/originwarden.db"} {
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("the removal does not keep %s: %v", kept, err)
		}
	}
	ofOperators := regexp.MustCompile(`^(/etc/originwarden(/originwarden\.yaml\.rpmsave)?|/var/lib/originwarden(/.*)?|an entry in /etc/.*)$`)
	for _, left := range strings.Split(traces(t), "\n") {
		if !ofOperators.MatchString(left) {
			t.Errorf("after the removal there is still %s", left)
		}
	}
}
