package recipes_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// An mcpServer is a running scripts/mcp-server.js.
type mcpServer struct{ address string }

// startMCPServer starts a server on a Unix socket, or, without one, on a free port.
func startMCPServer(t *testing.T, socket ...string) mcpServer {
	t.Helper()
	command := exec.Command("node", append([]string{"mcp-server.js"}, socket...)...)
	command.Dir = "scripts"
	return mcpServer{strings.TrimSpace(startCommand(t, command))}
}

// countRequests returns how many requests of the protocol the server got.
func (s mcpServer) countRequests(t *testing.T) (n int) {
	t.Helper()
	response, err := http.Get("http://" + s.address + "/requests")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const mcpHeading = "A Model Context Protocol server"

// configureMCP returns the configuration of the recipe with the address of a server.
func configureMCP(t *testing.T, server mcpServer) string {
	t.Helper()
	return replaceOnce(t, readRecipe(t, mcpHeading).config, "127.0.0.1:3000", server.address)
}

// A session is what a page saw of a session.
type session struct {
	Tools         []string
	Progress      []int
	Text, Session string
	Ended         bool
	Error         string
}

func TestMCP_ServesOnlyListedPages(t *testing.T) {
	recipe, server := readRecipe(t, mcpHeading), startMCPServer(t)
	g := startGateway(t, configureMCP(t, server), "127.0.0.1:0", nil)
	pages := startPages(t, bundleScript(t, recipe.script, "mcp-page.js", nil), nil)
	browser := startBrowser(t, "MAP localhost "+g.address, "MAP *.example.com "+pages)

	got := runPage[session](t, browser, listed)
	if len(got.Session) != 36 {
		t.Errorf("the page reads the session %q, want a UUID", got.Session)
	}
	got.Session = ""
	if want := (session{Tools: []string{"begin", "proceed"}, Progress: []int{1, 2}, Text: "done", Ended: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("listed page: %+v, want %+v", got, want)
	}

	before := server.countRequests(t)
	got = runPage[session](t, browser, unlisted)
	if want := (session{Error: "TypeError: Failed to fetch"}); !reflect.DeepEqual(got, want) {
		t.Errorf("unlisted page: %+v, want %+v", got, want)
	}
	g.checkExamples(t, recipe.examples)
	if n := server.countRequests(t) - before; n != 0 {
		t.Errorf("the server got %d requests that should have been refused", n)
	}
}

// A page is loaded from its own server. Then a gateway has that server's address, as if
// the name of the page led to the gateway now. So the page's requests go to the page's own
// origin, and its script may read the responses.
func TestMCP_RefusesReboundNames(t *testing.T) {
	server := startMCPServer(t)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>evil</title>")
	}))
	defer pages.Close()
	address := pages.Listener.Addr().String()
	browser := startBrowser(t, "MAP evil.example.net "+address)
	page := openPage(t, browser, "http://evil.example.net")
	pages.Close()
	startGateway(t, configureMCP(t, server), address, nil)
	for _, method := range []string{"GET", "POST"} {
		got := evaluate[string](t, page, fmt.Sprintf(`fetch('/mcp', {method: '%s'}).then(async r => r.status + await r.text(), String)`, method))
		if !strings.HasPrefix(got, "421") || !strings.Contains(got, "TENANT_UNKNOWN") {
			t.Errorf("%s of a rebound page: %s, want 421", method, got)
		}
	}
	if n := server.countRequests(t); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
}

// The variants that the notes of the recipe mention.
func TestMCP_ServesVariants(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "mcp.sock")
	startMCPServer(t, socket)
	config := configureMCP(t, startMCPServer(t))
	onSocket := replaceOnce(t, readRecipe(t, mcpHeading).config, "http://127.0.0.1:3000", "unix:"+socket)
	named := replaceOnce(t, config, "hosts: [localhost]", "hosts: [mcp.example.com]")
	for _, row := range []struct {
		config, host string
		status       int
	}{
		{onSocket, "localhost", 200},
		{named, "mcp.example.com", 403},
		{named + "    upstream_host: upstream\n", "mcp.example.com", 200},
	} {
		g := startGateway(t, row.config, "127.0.0.1:0", nil)
		request := newMCPRequest(t, g.address, "", initialize)
		request.Host = row.host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != row.status {
			t.Errorf("status %d, want %d, with\n%s", response.StatusCode, row.status, row.config)
		}
	}
}

// allowedDelay is generous, because the machine may be busy with other tests. The log of
// this test has the figure that matters.
const allowedDelay = 20 * time.Millisecond

func TestMCP_DelaysFirstEventLittle(t *testing.T) {
	server := startMCPServer(t)
	g := startGateway(t, configureMCP(t, server), "127.0.0.1:0", nil)
	direct, through := openMCPSession(t, server.address), openMCPSession(t, g.address)
	var without, with []time.Duration
	for i := range 220 {
		a, b := direct.timeFirstEvent(t), through.timeFirstEvent(t)
		if i >= 20 { // the first ones warm up the server
			without, with = append(without, a), append(with, b)
		}
	}
	slices.Sort(without)
	slices.Sort(with)
	middle := len(with) / 2
	t.Logf("median time to the first event of %d calls: %v without the gateway, %v with it: %v more",
		len(with), without[middle], with[middle], with[middle]-without[middle])
	if with[middle]-without[middle] > allowedDelay {
		t.Errorf("the first event comes more than %v later", allowedDelay)
	}
}

// Messages of the protocol.
const (
	initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`
	begin      = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"begin","arguments":{},"_meta":{"progressToken":1}}}`
	proceed    = `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"proceed","arguments":{}}}`
)

// An mcpSession is a session of a client that is not a page: it sends no Origin.
type mcpSession struct{ address, id string }

// newMCPRequest returns a request with a message, in a session if id is not empty.
func newMCPRequest(t *testing.T, address, id, message string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/mcp", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "localhost"
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	if id != "" {
		request.Header.Set("Mcp-Session-Id", id)
	}
	return request
}

func openMCPSession(t *testing.T, address string) mcpSession {
	t.Helper()
	s := mcpSession{address: address}
	response := s.call(t, initialize)
	io.Copy(io.Discard, response.Body)
	s.id = response.Header.Get("Mcp-Session-Id")
	return s
}

// call sends a message. The response's body is closed when the test ends, at the latest.
func (s mcpSession) call(t *testing.T, message string) *http.Response {
	t.Helper()
	response, err := http.DefaultClient.Do(newMCPRequest(t, s.address, s.id, message))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", message, response.Status)
	}
	return response
}

// timeFirstEvent calls the tool begin, and returns the time until its first event, which
// arrives while the tool waits.
func (s mcpSession) timeFirstEvent(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	response := s.call(t, begin)
	events := bufio.NewReader(response.Body)
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatalf("no event: %v", err)
		}
		if strings.HasPrefix(line, "data: {") {
			break
		}
	}
	taken := time.Since(start)
	for _, rest := range []io.Reader{s.call(t, proceed).Body, events} {
		if _, err := io.Copy(io.Discard, rest); err != nil {
			t.Fatal(err)
		}
	}
	return taken
}
