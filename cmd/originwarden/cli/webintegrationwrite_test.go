package cli

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestWebIntegrationCreate_AcceptsEveryFormOfFlags(t *testing.T) {
	whole := writeConfig(t, `{"name":"of the file","validOrigins":["https://f.example","https://g.example"]}`)
	nameless := writeConfig(t, ` {"validOrigins":["https://f.example"]} `)
	for _, row := range []struct {
		args    []string
		name    string
		origins string
	}{
		{[]string{"--name", "N"}, "N", ""},
		{[]string{"--name", "N", "--validOrigins", "https://a.example"}, "N", "https://a.example"},
		{[]string{"--name", "N", "--validOrigins", "https://a.example", "--validOrigins", "https://b.example"}, "N", "https://a.example https://b.example"},
		{[]string{"--name", "N", "--validOrigins", "https://a.example,https://b.example"}, "N", "https://a.example https://b.example"},
		{[]string{"--name", "N", "--validOrigins", "https://a.example, https://b.example", "--validOrigins", "https://c.example"}, "N", "https://a.example https://b.example https://c.example"},
		{[]string{"--name", "N", "--validOrigins", `"https://a.example","https://b.example"`}, "N", "https://a.example https://b.example"},
		{[]string{"--name=N", `--validOrigins="https://thirdPartyApp.com"`}, "N", "https://thirdPartyApp.com"},
		{[]string{"--name=N", `--validOrigins=["https://a.example", "https://b.example"]`, "--validOrigins", "https://c.example"}, "N", "https://a.example https://b.example https://c.example"},
		{[]string{"--name=N", `--validOrigins=[]`}, "N", ""},
		{[]string{"--name", `"N"`}, `"N"`, ""},
		{[]string{"--name", "a,b"}, "a,b", ""},
		{[]string{"-f", whole}, "of the file", "https://f.example https://g.example"},
		{[]string{"--name", "N", "-f", whole}, "N", "https://f.example https://g.example"},
		{[]string{"--name", "N", "--file", nameless}, "N", "https://f.example"},
		{[]string{"--name", "N", "--validOrigins", "https://a.example", "-f", whole}, "N", "https://a.example"},
	} {
		api := startAPI(t)
		id := strings.TrimSpace(api.run(append([]string{"create", "-q"}, row.args...)...))
		if got := api.onlyIntegration(); got.ID != id || got.Name != row.name || strings.Join(got.ValidOrigins, " ") != row.origins {
			t.Errorf("create %q: %+v, printed %q", row.args, got, id)
		}
	}
}

func TestWebIntegrationCreate_PrintsIntegration(t *testing.T) {
	api := startAPI(t)
	got := api.run("create", "--name", "n", "--validOrigins", "https://a.example")
	w := api.onlyIntegration()
	if !strings.HasPrefix(got, "ID       "+w.ID+"\nNAME     n\n") || !strings.HasSuffix(got, fmt.Sprintf("\nETAG     \"%d\"\nORIGINS  https://a.example\n", w.Revision)) {
		t.Errorf("got\n%s", got)
	}
	api.run("rm", "--", w.ID)
	raw := api.run("create", "--name", "n", "--raw")
	w = api.onlyIntegration()
	if want := `"links":{"self":{"href":"` + api.url + collection + "/" + w.ID + `"}}}`; !strings.HasPrefix(raw, `{"id":"`+w.ID) || !strings.HasSuffix(raw, want) {
		t.Errorf("--raw: %q", raw)
	}
}

func TestWebIntegrationCreate_ReadsStandardInput(t *testing.T) {
	api := startAPI(t)
	api.env.Stdout, api.env.Stderr = newOutput(), newOutput()
	root := NewRoot(api.env)
	root.SetIn(strings.NewReader(`{"name":"of stdin"}`))
	root.SetArgs([]string{"web-integration", "create", "-f", "-"})
	if err := root.Execute(); err != nil || api.onlyIntegration().Name != "of stdin" {
		t.Errorf("%+v, %v", api.onlyIntegration(), err)
	}
}

func TestWebIntegrationCreate_PrintsEveryServerError(t *testing.T) {
	api := startAPI(t)
	status, stdout, stderr := runCommand(t, api.env, "web-integration", "create", "--name", "n",
		"--validOrigins", "https://a.example/x,https://ok.example", "--validOrigins", `["x",1]`)
	lines := strings.Split(stderr, "\n")
	if status != exitFailed || stdout != "" || len(lines) != 5 || lines[0] != "originwarden: creating n: 400 Bad Request" ||
		!strings.HasPrefix(lines[1], "  Invalid property value at /validOrigins/0: ") || !strings.HasSuffix(lines[1], " (WEBINTEGRATIONS-6)") ||
		!strings.HasPrefix(lines[2], "  Invalid property value at /validOrigins/2: ") ||
		!strings.HasPrefix(lines[3], "  trace id ") || len(lines[3]) != len("  trace id ")+32 {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if got := api.run("ls", "-q"); got != "" {
		t.Errorf("created: %s", got)
	}
}

func TestWebIntegrationPatch_AcceptsEveryFormOfFlags(t *testing.T) {
	file := writeConfig(t, `[{"op":"replace","path":"/name","value":"of the file"}]`)
	before := []string{"https://old.example"}
	for _, row := range []struct {
		args    []string
		name    string
		origins []string
	}{
		{[]string{"--op", "replace", "--path", "/name", "--value", "new"}, "new", before},
		{[]string{"--path", "/name", "--value", `["a","b"]`}, `["a","b"]`, before},
		{[]string{"--op", "replace", "--path", "/validOrigins", "--value", "https://a.example"}, "old", []string{"https://a.example"}},
		{[]string{"--op", "replace", "--path", "/validOrigins", "--value", `"https://a.example"`}, "old", []string{"https://a.example"}},
		{[]string{"--op", "replace", "--path", "/validOrigins", "--value", `["https://a.example","https://b.example"]`}, "old", []string{"https://a.example", "https://b.example"}},
		{[]string{"--path", "/validOrigins", "--value", "https://a.example", "--value", "https://b.example"}, "old", []string{"https://a.example", "https://b.example"}},
		{[]string{"--path", "/validOrigins", "--value", "https://a.example,https://b.example"}, "old", []string{"https://a.example", "https://b.example"}},
		{[]string{"--path", "/validOrigins", "--value", "[]"}, "old", nil},
		{[]string{"--body", `[{"op":"replace","path":"/name","value":"new"},{"op":"replace","path":"/validOrigins","value":["https://a.example"]}]`}, "new", []string{"https://a.example"}},
		{[]string{"--body", `[]`}, "old", before},
		{[]string{"-f", file}, "of the file", before},
	} {
		api := startAPI(t)
		w := api.create("old", before...)
		printed := api.run(append([]string{"patch", w.ID}, row.args...)...)
		got := api.onlyIntegration()
		if got.Name != row.name || !slices.Equal(got.ValidOrigins, row.origins) {
			t.Errorf("patch %q: %+v", row.args, got)
		}
		if want := fmt.Sprintf("changed %s, in force from revision %d\n", w.ID, got.Revision); printed != want {
			t.Errorf("patch %q printed %q, want %q", row.args, printed, want)
		}
	}
}

func TestWebIntegrationPatch_ParsesOnlyStringsAsJSON(t *testing.T) {
	var sent string
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		w.WriteHeader(204)
	})
	args := []string{"web-integration", "patch", "x", "--path", "/validOrigins"}
	for _, value := range []string{"null", "[null]", "[1]", "7", "{}", `"a`, "", ` "b" `, `["c", "d"]`, "e,f", "g,,", "h\ni,j"} {
		args = append(args, "--value", value)
	}
	const want = `[{"op":"replace","path":"/validOrigins","value":["null","[null]","[1]","7","{}","\"a","","b","c","d","e","f","g","","","h\ni,j"]}]`
	if status, _, stderr := runCommand(t, clientEnvironment(server, "t"), args...); status != exitDone || sent != want {
		t.Errorf("exit status %d, sent %s\n%s", status, sent, stderr)
	}
}

func TestWebIntegrationPatch_LeavesValidationToServer(t *testing.T) {
	for _, row := range []struct{ args, stderr string }{
		{"--op add --path /name --value x", "Invalid PATCH request at /0/op: "},
		{"--path /id --value x", "Invalid PATCH request at /0/path: "},
		{"--path /validOrigins --value https://a.example/x", "Invalid property value at /validOrigins/0: "},
		{`--body [{"op":"replace","path":"/name"}]`, "Invalid PATCH request at /0: the operation has no value"},
		{`--body [{"op":"replace","path":"/name","value":7}]`, "Invalid property value at /name: the name is not a string"},
	} {
		api := startAPI(t)
		w := api.create("old")
		status, stdout, stderr := runCommand(t, api.env, append([]string{"web-integration", "patch", w.ID}, strings.Fields(row.args)...)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, "originwarden: changing "+w.ID+": 400 Bad Request\n  "+row.stderr) || api.onlyIntegration().Name != "old" {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

func TestWebIntegrationPatch_PrintsEveryFormat(t *testing.T) {
	api := startAPI(t)
	w := api.create("old")
	change := []string{"patch", w.ID, "--path", "/name", "--value", "n"}
	for flag, want := range map[string]string{"-q": w.ID + "\n", "--raw": ""} {
		if got := api.run(append(change, flag)...); got != want {
			t.Errorf("%s: %q", flag, got)
		}
	}
	got := api.run(append(change, "--json")...)
	r := api.onlyIntegration().Revision
	if want := fmt.Sprintf("{\n  \"id\": \"%s\",\n  \"revision\": %d,\n  \"etag\": \"\\\"%d\\\"\"\n}\n", w.ID, r, r); got != want {
		t.Errorf("--json: %s", got)
	}
}
