package decide_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// callAPI calls the API of the web integrations, and returns the body of the response.
func (g *gateway) callAPI(t *testing.T, method, path, body string, wantStatus int) []byte {
	t.Helper()
	token, err := os.ReadFile(g.path("admin-token")) // created at the first start
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.listen+"/api/v1/web-integrations"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, _ := io.ReadAll(response.Body)
	if response.StatusCode != wantStatus {
		t.Fatalf("%s %s: %s\n%s", method, path, response.Status, got)
	}
	return got
}
