package consoletest_test

import (
	"net/http"
	"testing"
)

func TestRefused_DismissedAndRestored(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.gateway.request(b.host, http.MethodGet, "/", app)
		b.signIn(b.administrator)
		b.click("nav a[href$='/refused']")
		b.click("button[name=dismiss]")
		b.wants(app+" was dismissed", "No refused origin is waiting")
		b.gateway.request(b.host, http.MethodGet, "/", app)
		b.openTenant("/refused")
		b.wants("No refused origin is waiting")
		b.openTenant("/refused?show=dismissed")
		b.click("button[name=restore]")
		b.wants(app+" is shown again", "Nothing was dismissed")
		b.openTenant("/refused")
		b.wants(app, "2 ×")
	})
}

func TestHistory_ShowsAndUndoes(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		id := b.gateway.create(b.host, "production", "https://www.example.com")
		b.gateway.edit(b.host, id, "https://www.example.com", app)
		b.signIn(b.administrator)
		b.click("nav a[href$='/history']")
		b.wants("production was updated", "production was created", "by olga", app)
		b.click("ol.rows li:first-child .do a")
		b.wants("Undo a change?", "This will change production", app)
		b.click("main form button")
		b.wants("The change was undone", "by anton")
		if status := b.gateway.request(b.host, http.MethodGet, "/", app); status != http.StatusForbidden {
			t.Errorf("status %d", status)
		}
		b.enter("#origin", app)
		b.click("form.filters button")
		b.wants("production was updated")
		b.lacks("production was created")
	})
}

// Nobody undoes what somebody else did later without being told.
func TestHistory_WarnsOfALaterChange(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		id := b.gateway.create(b.host, "production", "https://www.example.com")
		b.signIn(b.administrator)
		b.openTenant("/history")
		b.click("ol.rows .do a")
		b.wants("This will delete the web integration")
		b.lacks("Later changes")
		b.gateway.edit(b.host, id, "https://www.example.com", app)
		b.click("main form button")
		b.wants("Later changes would be undone too", "olga")
		if status := b.gateway.request(b.host, http.MethodGet, "/", app); status != http.StatusOK {
			t.Errorf("status %d after the warning", status)
		}
		b.click("main form button")
		b.wants("The change was undone")
		if status := b.gateway.request(b.host, http.MethodGet, "/", app); status != http.StatusForbidden {
			t.Errorf("status %d after both were undone", status)
		}
	})
}

func TestFleet_IsForOperators(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(operatorToken)
		b.click("a[href='/fleet']")
		b.wants("1 gateway uses this store", "ready")
		b.signIn(b.administrator)
		b.lacks("Fleet")
		b.open("/fleet")
		b.wants("Not found")
	})
}
