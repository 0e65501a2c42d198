package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// names are those of the office's web integrations with their origins, in
// order.
func (o *office) names() []string {
	o.t.Helper()
	_, all, err := o.store.Load(o.t.Context(), "acme")
	if err != nil {
		o.t.Fatal(err)
	}
	var names []string
	for _, w := range all {
		names = append(names, fmt.Sprint(w.Name, w.ValidOrigins))
	}
	slices.Sort(names)
	return names
}

func TestImport_MakesAServerEqual(t *testing.T) {
	o := newOffice(t)
	byID := o.make("By id", "https://a.example")
	o.make("By name", "https://a.example")
	o.make("Same", "https://a.example")
	o.make("Twice", "https://a.example")
	o.make("Twice", "https://b.example")
	o.make("Beside")
	wanted := madeIn("elsewhere", "Renamed", "https://b.example")
	wanted.ID = byID.ID
	file := exportOf(t, wanted, madeIn("elsewhere", "By name", "https://b.example"), madeIn("elsewhere", "Same", "https://a.example"),
		madeIn("elsewhere", "Missing", "https://m.example"), madeIn("elsewhere", "Missing", "https://n.example"), madeIn("elsewhere", "Twice", "https://c.example"))
	const unclear = "\": several are called \"Twice\", and neither their ids nor their origins tell which one it is\n"
	for i, row := range []struct{ args, stdout string }{
		{"--dry-run", "~ elsewhere \"By name\" …\n    +https://b.example\n    -https://a.example\n+ elsewhere \"Missing\"\n+ elsewhere \"Missing\"\n" +
			"~ elsewhere \"Renamed\" " + byID.ID + "\n    name \"By id\" -> \"Renamed\"\n    +https://b.example\n    -https://a.example\n" +
			"! elsewhere \"Twice\" …\ndry run, nothing was written: 2 created, 2 changed, 1 unchanged\n"},
		{"", "2 created, 2 changed, 1 unchanged\n"},
		{"", "0 created, 0 changed, 5 unchanged\n"},
		{"--prune", "0 created, 0 changed, 1 deleted, 5 unchanged\n"},
		{"--prune", "0 created, 0 changed, 0 deleted, 5 unchanged\n"},
	} {
		before := o.names()
		status, stdout, stderr := execution(t, o.env, append([]string{"import", "--server", o.url, file}, strings.Fields(row.args)...)...)
		if status != exitFailed || !inTurn(stdout, row.stdout) || !strings.HasPrefix(stderr, `originwarden: elsewhere "Twice" `) || !strings.HasSuffix(stderr, unclear[1:]) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%d: exit status %d\n%s%s", i, status, stdout, stderr)
		}
		if row.args == "--dry-run" && !slices.Equal(o.names(), before) {
			t.Errorf("a dry run wrote %q", o.names())
		}
	}
	want := []string{"By name[https://b.example]", "Missing[https://m.example]", "Missing[https://n.example]", "Renamed[https://b.example]", "Same[https://a.example]", "Twice[https://a.example]", "Twice[https://b.example]"}
	if got := o.names(); !slices.Equal(got, want) {
		t.Errorf("it has %q", got)
	}
}

func TestImport_GoesOnAfterWhatAServerRefuses(t *testing.T) {
	o := newOffice(t)
	big := madeIn("acme", "Big", strings.Fields(strings.Repeat("https://a.example ", 101))...)
	status, stdout, stderr := execution(t, o.env, "import", exportOf(t, big, madeIn("acme", "Small")))
	if status != exitFailed || stdout != "1 created, 0 changed, 0 unchanged\n" ||
		!strings.HasPrefix(stderr, "originwarden: acme \"Big\": 400 Bad Request\n  Invalid property value at /validOrigins: a web integration may have at most 100 valid origins") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_EndsWhereNothingCanBeWritten(t *testing.T) {
	o := newOffice(t)
	writes := 0
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			o.api.ServeHTTP(w, r)
			return
		}
		if writes++; writes == 2 {
			w.WriteHeader(403)
			return
		}
		r.URL.Scheme, r.URL.Host = "http", r.Host
		o.api.ServeHTTP(w, r)
	})
	file := exportOf(t, madeIn("acme", "1"), madeIn("acme", "2"), madeIn("acme", "3"))
	status, stdout, stderr := execution(t, shell(server, officeToken), "import", file)
	if status != exitFailed || stdout != "1 created, 0 changed, 0 unchanged\n" || writes != 2 ||
		!strings.HasPrefix(stderr, "originwarden: the import ended early and can be repeated: acme \"2\": POST ") || !strings.Contains(stderr, "403 Forbidden") {
		t.Errorf("exit status %d after %d writes\n%s%s", status, writes, stdout, stderr)
	}
	if got := succeeds(t, o.env, "import", file); got != "2 created, 0 changed, 1 unchanged\n" {
		t.Errorf("repeated, it prints %s", got)
	}
}

func TestImport_CountsNothingIfItCannotReadTheServer(t *testing.T) {
	o := newOffice(t)
	status, stdout, stderr := execution(t, shell(o.url, "another"), "import", exportOf(t, madeIn("acme", "1")))
	if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "originwarden: the import ended at tenant acme and can be repeated: 401 Unauthorized") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_IntoAServerIsOfOneTenant(t *testing.T) {
	o := newOffice(t)
	file := exportOf(t, madeIn("a", "1"), madeIn("b", "2"))
	for _, row := range []struct {
		args   string
		status int
		stderr string
	}{
		{file, exitFailed, "the file has 2 tenants, and a server has one: export only that one\n"},
		{file + " --tenant a=b", exitUsage, "--tenant is for a store"},
		{file + " x", exitUsage, "accepts at most 1 arg(s), received 2"},
	} {
		status, stdout, stderr := execution(t, o.env, append([]string{"import"}, strings.Fields(row.args)...)...)
		if status != row.status || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
	if names := o.names(); len(names) > 0 {
		t.Errorf("it has %q", names)
	}
}

func TestImport_IsInForceAtAGateway(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	env := shell(r.tenants, adminTokenIn(t, dir))
	file := exportOf(t, madeIn("acme", "Shop", "https://shop.example"))
	const page = "Origin: https://shop.example"
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("before: %s", response.Status)
	}
	for _, want := range []string{"1 created, 0 changed, 0 unchanged\n", "0 created, 0 changed, 1 unchanged\n"} {
		if got := succeeds(t, env, "import", "--server", r.tenants, file); got != want {
			t.Errorf("it prints %s", got)
		}
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("after: %s", response.Status)
	}
}

func TestImport_ShowsWhatAServerHasEscaped(t *testing.T) {
	hostileID, _ := json.Marshal(hostile)
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"errors":[{"title":%s}]}`, hostileID)
			return
		}
		fmt.Fprintf(w, `{"data":[{"id":%s,"name":%[1]s,"validOrigins":[%[1]s]},{"id":"x","name":"Shop","validOrigins":[%[1]s]}]}`, hostileID)
	})
	file := exportOf(t, madeIn("acme", "Shop", "https://a.example"), madeIn("acme", hostileName))
	for _, args := range []string{"--dry-run --prune", "--prune"} {
		status, stdout, stderr := execution(t, shell(server, "t"), append([]string{"import", file}, strings.Fields(args)...)...)
		if !isHarmless(stdout+stderr) || args == "--prune" && (status != exitFailed || strings.Count(stderr, "\n  ") != 3) ||
			args != "--prune" && (status != exitDone || !strings.Contains(stdout, `    -a\x1b[2J`) || !strings.Contains(stdout, `- acme "a\x1b[2J`)) {
			t.Errorf("%s: exit status %d\n%q\n%q", args, status, stdout, stderr)
		}
	}
}

func TestImport_WaitsForTheRateLimit(t *testing.T) {
	o := newOffice(t)
	writes := 0
	limited := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			if writes++; writes == 2 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
		}
		o.api.ServeHTTP(w, r)
	})
	status, stdout, stderr := execution(t, shell(limited, officeToken), "import", exportOf(t, madeIn("acme", "1"), madeIn("acme", "2")))
	if status != exitDone || stdout != "2 created, 0 changed, 0 unchanged\n" || !strings.Contains(stderr, "waiting for 1s") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}
