package consoletest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const save = "form[data-keep] .primary"

// checks waits until the page tells a text about what was entered: by itself, or, without
// scripts, after a click.
func (b *browser) checks(text string) {
	b.t.Helper()
	if b.scripts {
		b.awaits(text)
		return
	}
	b.click("button[value=check]")
	b.wants(text)
}

// serves checks the status of a request of an origin.
func (b *browser) serves(origin string, status int) {
	b.t.Helper()
	if got := b.gateway.request(b.host, http.MethodGet, "/orders", origin); got != status {
		b.t.Errorf("%s: status %d, want %d", origin, got, status)
	}
}

func TestIntegration_CreatedEditedAndDeleted(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(b.administrator)
		b.wants("List the first origin")
		b.click("a[href$='/web-integrations/new']")
		b.enter("#name", "production")
		b.enter("#origins", "HTTPS://App.Example.COM:443\nhttp://intranet.example.com\nhttps://www.example.com/path")
		b.checks("the entry has a path: an origin ends with its host or port")
		b.wants("https://app.example.com written as HTTPS://App.Example.COM:443", "note http:// is not encrypted", "3 origins, 1 cannot be listed, 1 to think about")
		b.click(save)
		b.wants("This was not saved", "Not valid")
		b.serves(app, http.StatusForbidden)
		b.enter("#origins", "HTTPS://App.Example.COM:443\nhttps://www.example.com")
		b.click(save)
		b.wants("was created", "production", "https://www.example.com")
		b.serves(app, http.StatusOK)

		b.click("tbody th a")
		b.enter("#name", "live")
		b.enter("#origins", "https://www.example.com")
		b.click(save)
		b.wants("was saved", "live")
		b.serves(app, http.StatusForbidden)

		b.click("tbody th a")
		b.click("a.danger")
		b.wants("Delete live?", "1 origin will be refused at once")
		b.click("button.danger")
		b.wants("was deleted", "There is no web integration yet")
		b.serves("https://www.example.com", http.StatusForbidden)
	})
}

func TestIntegration_AsksBeforeItsInputIsLost(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(b.administrator)
		b.openTenant("/web-integrations/new")
		b.openTenant("")
		if b.timesAsked() != 0 {
			t.Error("the browser asked before anything was entered")
		}
		b.openTenant("/web-integrations/new")
		b.enter("#name", "production")
		b.openTenant("")
		if asked := b.timesAsked(); (asked == 1) != b.scripts {
			t.Errorf("the browser asked %d times", asked)
		}
	})
}

func TestIntegration_ConcurrentChangeIsShownAndKept(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		const www, old, theirs = "https://www.example.com", "https://old.example.com", "https://theirs.example.com"
		id := b.gateway.create(b.host, "production", www, old)
		b.signIn(b.administrator)
		b.openTenant("/web-integrations/" + id)
		b.enter("#name", "renamed")
		b.enter("#origins", www+"\n"+old+"\n"+app)
		b.gateway.edit(b.host, id, www, theirs)
		b.click(save)
		b.wants("Somebody else has changed this web integration meanwhile", "Nothing of yours was saved yet", "Their change", "Your change", "The name becomes renamed")
		if merged := b.valueOf("#origins"); merged != www+"\n"+theirs+"\n"+app {
			t.Errorf("the form has %q", merged)
		}
		b.serves(app, http.StatusForbidden)
		b.serves(theirs, http.StatusOK)
		b.checkState("integration-conflict")
		b.click(save)
		b.wants("was saved", "renamed")
		b.serves(app, http.StatusOK)
		b.serves(theirs, http.StatusOK)
		b.serves(old, http.StatusForbidden)
	})
}

func TestTwoAdministrators_OverwriteNothing(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		path := "/web-integrations/" + b.gateway.create(b.host, "production", "https://www.example.com")
		other := b.another()
		b.signIn(b.administrator)
		other.signIn(b.administrator)
		b.openTenant(path + "/delete")
		other.openTenant(path)
		other.enter("#origins", "https://www.example.com\n"+app)
		other.click(save)
		other.wants("was saved")
		b.click("button.danger")
		b.wants("Somebody else has changed this web integration meanwhile. It was not deleted", app)
		b.serves(app, http.StatusOK)
		other.openTenant(path)
		other.enter("#name", "renamed")
		b.click("button.danger")
		b.wants("was deleted")
		other.click(save)
		other.wants("Somebody else has deleted this web integration meanwhile. Nothing was saved")
		b.serves(app, http.StatusForbidden)
		other.click(save)
		other.wants("was created", "renamed")
		b.serves(app, http.StatusOK)
	})
}

func TestIntegrations_SearchedAndSorted(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		for name, origin := range map[string]string{"alpha": "https://one.example.com", "beta": "https://two.example.com:8443", "gamma": "https://one.example.org"} {
			b.gateway.create(b.host, name, origin)
		}
		b.signIn(b.reader)
		b.click("nav a[href$='/web-integrations']")
		b.hasRows("alpha", "beta", "gamma")
		b.click("thead a")
		b.hasRows("gamma", "beta", "alpha")
		for _, row := range []struct {
			query string
			names []string
		}{
			{"ALPH", []string{"alpha"}},
			{"//one.", []string{"gamma", "alpha"}},
			{"https://TWO.example.com:8443/", []string{"beta"}},
			{"https://two.example.com", nil},
			{"<b>nothing</b>", nil},
		} {
			b.enter("#q", row.query)
			b.click("form.search button")
			b.hasRows(row.names...)
			b.wants(row.query)
		}
		b.click("form.search a.button")
		b.hasRows("alpha", "beta", "gamma")
	})
}

// hasRows checks the names of the table.
func (b *browser) hasRows(names ...string) {
	b.t.Helper()
	if got := b.rows(); got != strings.Join(names, ",") {
		b.t.Errorf("the table has %s, want %s", got, names)
	}
}

// rows returns the names of the table, separated by commas.
func (b *browser) rows() string {
	b.t.Helper()
	return evaluate[string](b, `Array.from(document.querySelectorAll("tbody th"), e => e.innerText).join()`)
}

func TestKeyboard_ReachesEverything(t *testing.T) {
	withAndWithoutScripts(t, func(t *testing.T, b *browser) {
		b.signIn(b.administrator)
		b.openTenant("/web-integrations/new")
		var reached []string
		for range 13 { // then the focus leaves the page
			b.do(chromedp.KeyEvent("\t"))
			reached = append(reached, evaluate[string](b, `document.activeElement.innerText || document.activeElement.id`))
			if visible := evaluate[bool](b, `getComputedStyle(document.activeElement).outlineStyle != "none"`); !visible {
				t.Errorf("no outline shows that %q has the focus", reached[len(reached)-1])
			}
		}
		want := "Skip to the content,originwarden,Sign out,Overview,Web integrations,Refused,Ask,History,name,origins,Create,Check,Cancel"
		if got := strings.Join(reached, ","); !strings.HasPrefix(got, want) {
			t.Errorf("the keyboard reaches %s", got)
		}
	})
}
