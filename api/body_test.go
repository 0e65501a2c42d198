package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestBody_RefusesBodyOverLimit(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	large := `{"name":"` + strings.Repeat(" ", 4096) + `"}`
	for _, target := range []struct{ method, path string }{{"POST", collection}, {"PATCH", collection + "/" + id}} {
		for framing, body := range map[string]io.Reader{
			"with a length": strings.NewReader(large),
			"chunked":       io.MultiReader(strings.NewReader(large)),
		} {
			r := request{method: target.method, path: target.path}
			req := r.build(t, g.url)
			req.Body, req.ContentLength = io.NopCloser(body), -1
			if framing == "with a length" {
				req.ContentLength = int64(len(large))
			}
			res, err := g.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			got := reply{res.StatusCode, res.Header, string(text)}
			got.check(t, r)
			if got.status != http.StatusRequestEntityTooLarge || got.problems(t) != "BAD_REQUEST" {
				t.Errorf("%s %s: status %d, want 413: %s", target.method, framing, got.status, got.body)
			}
		}
	}
}

func TestBody_IsNotReadIfContentLengthIsTooLarge(t *testing.T) {
	req := request{method: "POST", path: collection}.build(t, "http://acme.example")
	req.ContentLength = 4097
	req.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
		t.Error("the body was read")
		return 0, io.EOF
	}))
	if got := serve(t, newHandler(&hooks{}), req); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", got.status)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBody_RefusesOtherMediaTypes(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	const patchType = "application/json-patch+json"
	for _, tt := range []struct {
		method, mediaType string
		want              int
	}{
		{"POST", "application/json", 201},
		{"POST", "application/json; charset=utf-8", 201},
		{"POST", "Application/JSON;charset=\"UTF-8\"", 201},
		{"POST", patchType, 415},
		{"POST", "text/plain", 415},
		{"POST", "application/x-www-form-urlencoded", 415},
		{"POST", "application/jsonp", 415},
		{"POST", "application/json, text/plain", 415},
		{"POST", "application/json; charset", 415},
		{"POST", "", 415},
		{"PATCH", "application/json", 204},
		{"PATCH", patchType, 204},
		{"PATCH", patchType + "; charset=utf-8", 204},
		{"PATCH", "application/merge-patch+json", 415},
		{"PATCH", "text/plain", 415},
		{"PATCH", "", 415},
	} {
		r := request{method: tt.method, path: collection, body: `{"name":"n"}`, header: map[string]string{"Content-Type": tt.mediaType}}
		if tt.method == "PATCH" {
			r.path, r.body = collection+"/"+id, `[]`
		}
		got := g.send(r)
		if got.status != tt.want {
			t.Errorf("%s with Content-Type %q: status %d, want %d", tt.method, tt.mediaType, got.status, tt.want)
		}
		if accept := got.header.Get("Accept-Patch"); (accept != "") != (got.status == 415 && tt.method == "PATCH") {
			t.Errorf("%s with Content-Type %q: Accept-Patch %q", tt.method, tt.mediaType, accept)
		}
		if got.status == 415 && got.problems(t) != "BAD_REQUEST" {
			t.Errorf("%s", got.body)
		}
	}
}

func TestBody_RefusesMissingAndRepeatedContentType(t *testing.T) {
	g := newTestAPI(t)
	for _, lines := range [][]string{nil, {"application/json", "application/json"}} {
		req := request{method: "POST", path: collection, body: `{"name":"n"}`}.build(t, g.url)
		req.Header["Content-Type"] = lines
		res, err := g.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("Content-Type %q: status %d, want 415", lines, res.StatusCode)
		}
	}
}

func TestBody_RefusesDeepNesting(t *testing.T) {
	g := newTestAPI(t)
	g.config.Limits.Body = 1 << 20
	g.serve(func(h http.Handler) http.Handler { return h })
	const depth = 1 << 19
	nested := strings.Repeat("[", depth-50) + strings.Repeat("]", depth-50)
	for _, r := range []request{
		{method: "POST", path: collection, body: `{"name":` + nested + `}`},
		{method: "PATCH", path: collection + "/" + g.create("n").ID, body: nested},
		{method: "PATCH", path: collection + "/" + g.create("n").ID, body: `[{"op":"replace","path":"/validOrigins","value":"` + nested + `"}]`},
	} {
		if got := g.send(r); got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", r.method, got.status)
		}
	}
}
