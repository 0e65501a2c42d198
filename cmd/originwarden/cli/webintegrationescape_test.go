package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"originwarden/api/client"
)

// hostileText has control characters that change a terminal or the direction of a
// line.
const hostileText = "a\x1b[2J\x1b]0;b\a\r\n\t\x00\x7f\u0085\u009b\u202e\u2028\u200b\U000e0001ü😀"

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

func TestWebIntegration_EscapesControlCharacters(t *testing.T) {
	w := client.WebIntegration{ID: hostileText, Name: hostileText, TenantID: hostileText, CreatedBy: hostileText, ValidOrigins: []string{hostileText}}
	object, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	// JSON allows this character unescaped, but json.Marshal escapes it.
	object = []byte(strings.ReplaceAll(string(object), `\u2028`, "\u2028"))
	page := fmt.Sprintf(`{"data":[%s],"links":{}}`, object)
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Web-Integrations-Revision", "7")
		w.Header().Set("ETag", `"\x9b"`)
		switch {
		case r.Method == "POST":
			w.WriteHeader(201)
		case r.Method != "GET":
			w.WriteHeader(204)
			return
		case r.URL.Path == collection:
			w.Write([]byte(page))
			return
		}
		w.Write(object)
	})
	const escaped = `a\x1b[2J\x1b]0;b\a\r\n\t\x00\x7f\u0085\u009b\u202e\u2028\u200b\U000e0001ü😀`
	const inJSON = `a\u001b[2J\u001b]0;b\u0007\r\n\t\u0000\u007f\u0085\u009b\u202e\u2028\u200b\udb40\udc01ü😀`
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"ls"}, escaped + "  " + escaped + "  " + escaped},
		{[]string{"ls", "-q"}, escaped + "\n"},
		{[]string{"ls", "--json"}, `"name": "` + inJSON + `"`},
		{[]string{"get", "x"}, "NAME     " + escaped + "\n"},
		{[]string{"get", "x", "-q"}, escaped + "\n"},
		{[]string{"get", "x", "--json"}, `"name": "` + inJSON + `"`},
		{[]string{"create", "--name", "x"}, "NAME     " + escaped + "\n"},
		{[]string{"rm", hostileText}, "deleted " + escaped + ", in force"},
		{[]string{"rm", hostileText, "-q"}, escaped + "\n"},
		{[]string{"patch", hostileText, "--body", "[]", "--json"}, `"id": "` + inJSON + `"`},
	} {
		status, stdout, stderr := runCommand(t, clientEnvironment(server, "t"), append([]string{"web-integration"}, row.args...)...)
		if status != exitDone || stderr != "" || !isPrintable(stdout) || !strings.Contains(stdout, row.want) {
			t.Errorf("%q: exit status %d, %q and %q", row.args, status, stdout, stderr)
		}
		if strings.Contains(strings.Join(row.args, " "), "get x --json") {
			var read client.WebIntegration
			if err := json.Unmarshal([]byte(stdout), &read); err != nil || read.Name != hostileText {
				t.Errorf("JSON has name %q, %v, want the original", read.Name, err)
			}
		}
	}
	for name, want := range map[string]string{"ls": page, "get x": string(object)} {
		_, stdout, _ := runCommand(t, clientEnvironment(server, "t"), append([]string{"web-integration", "--raw"}, strings.Fields(name)...)...)
		if stdout != want {
			t.Errorf("%s --raw: %q", name, stdout)
		}
	}
}

func TestWebIntegration_EscapesServerErrors(t *testing.T) {
	text, _ := json.Marshal(hostileText)
	for name, handler := range map[string]http.HandlerFunc{
		"error document": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"errors":[{"code":%s,"title":%s,"detail":%s,"source":{"pointer":%s},"meta":{"x":%s}}],"traceId":%s}`, text, text, text, text, text, text)
		},
		"redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/\x9b2J")
			w.WriteHeader(302)
		},
		"unexpected Content-Type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "\x9b2J")
			w.Write([]byte("\x1b"))
		},
		"invalid HTTP": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			connection.Write([]byte("HTTP/1.1 200 OK\r\n\x1b[2J\x9b\r\n\r\n"))
			connection.Close()
		},
		"next page with an invalid URL": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":[{"id":"x"}],"links":{"next":{"href":%s}}}`, text)
		},
		"empty body": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
	} {
		server := startServer(t, handler)
		for _, args := range [][]string{{"ls", "--limit", "100"}, {"get", hostileText}} {
			status, stdout, stderr := runCommand(t, clientEnvironment(server, "t"), append([]string{"web-integration"}, args...)...)
			if status != exitFailed || stdout != "" || !isPrintable(stderr) || !strings.HasPrefix(stderr, "originwarden: ") {
				t.Errorf("%s, %q: exit status %d, %q and %q", name, args, status, stdout, stderr)
			}
		}
	}
}

// fullDisk is a writer that fails as a file on a full disk.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWebIntegration_FailsOnWriteError(t *testing.T) {
	api := startAPI(t)
	w := api.create("n")
	for _, args := range [][]string{{"ls"}, {"ls", "--raw"}, {"get", w.ID}, {"create", "--name", "m"}, {"rm", w.ID}} {
		stderr := newOutput()
		env := api.env
		env.Stdout, env.Stderr = fullDisk{}, stderr
		if status := Execute(env, append([]string{"web-integration"}, args...)...); status != exitFailed || stderr.String() != "originwarden: no space left\n" {
			t.Errorf("%q: exit status %d\n%s", args, status, stderr)
		}
	}
}
