package console_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"originwarden/console"
	"originwarden/console/gatewaytest"
)

const oldCookie = "originwarden-session=ended"

// sendForm sends a POST with a cookie, if it is not "", on a connection of its own. The
// form may be shorter than its Content-Length.
func sendForm(t *testing.T, g *gatewaytest.Gateway, path, cookie string, length int, form string) net.Conn {
	t.Helper()
	host := strings.TrimPrefix(g.Admin, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.(*net.TCPConn).SetReadBuffer(4 << 10)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", path, host, length)
	if cookie != "" {
		head += "Cookie: " + cookie + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"+form); err != nil {
		t.Fatal(err)
	}
	return c
}

// statusOf reads the response up to its header.
func statusOf(t *testing.T, c net.Conn) int {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReaderSize(c, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestForms_ThatAreSlowLockNobodyOut(t *testing.T) {
	g := start(t)
	for range 40 {
		sendForm(t, g, "/sign-in", "", 100, "token=")
		sendForm(t, g, "/sign-in", oldCookie, 1<<20, "token=")
		sendForm(t, g, integrations, oldCookie, 1<<20, "name=")
	}
	b := noRedirects(g.NewBrowser(t))
	b.Timeout = 10 * time.Second
	if response, _ := b.Post("/sign-in", "token", gatewaytest.TokenOf("admin")); response.StatusCode != http.StatusSeeOther {
		t.Errorf("signing in: %d", response.StatusCode)
	}
	if response, _ := b.Post(integrations, "name", "n", "origins", strings.Repeat("https://a.example\n", 990)); response.StatusCode != http.StatusSeeOther {
		t.Errorf("a long form of a session: %d", response.StatusCode)
	}
	if response, _ := b.Post("/sign-out"); response.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out: %d", response.StatusCode)
	}
}

// A form that is kept is sent back, and takes five times its memory meanwhile.
func TestForms_OfStrangersHoldASlotUntilTheResponseIsRead(t *testing.T) {
	g := start(t)
	long := "name=" + strings.Repeat("+", 1<<20)
	for range 2 {
		if status := statusOf(t, sendForm(t, g, integrations, oldCookie, len(long), long)); status != http.StatusUnauthorized {
			t.Fatalf("got %d, want 401", status)
		}
	}
	if status := statusOf(t, sendForm(t, g, integrations, oldCookie, len(long), long)); status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d, want 503", status)
	}
	if status := statusOf(t, sendForm(t, g, integrations, oldCookie, 6, "name=n")); status != http.StatusUnauthorized {
		t.Errorf("a short one: %d, want 401", status)
	}
}

func TestForms_OfStrangersAreNotKept(t *testing.T) {
	g := start(t)
	b := g.NewBrowser(t)
	response, page := b.Post(integrations, "name", "of-a-stranger", "origins", "https://a.example")
	if response.StatusCode != http.StatusUnauthorized || strings.Contains(page, "of-a-stranger") || strings.Contains(page, "kept") {
		t.Errorf("without a cookie: %d %s", response.StatusCode, page)
	}
	if response, _ := b.Post("/sign-in", "token", "t", "kept", strings.Repeat("x", 20<<10)); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long form to sign in with: %d, want 413", response.StatusCode)
	}
}

// deadlineRecorder records the write deadline of a response.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (d *deadlineRecorder) SetWriteDeadline(t time.Time) error {
	d.deadline = t
	return nil
}

func TestConsole_BoundsTheTimeOfAResponse(t *testing.T) {
	w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
	console.New(console.Config{}).ServeHTTP(w, httptest.NewRequest("GET", "/sign-in", nil))
	if left := time.Until(w.deadline); w.Code != http.StatusOK || left <= 0 || left > time.Minute {
		t.Errorf("status %d, and the deadline is in %v", w.Code, left)
	}
}
