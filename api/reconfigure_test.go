package api_test

import (
	"testing"

	"originwarden/api"
	"originwarden/api/auth"
)

func TestReconfigure_KeepsKeysOfSameIssuer(t *testing.T) {
	for _, row := range []struct {
		rule   string
		change func(*api.Config)
		status int
	}{
		{"the same issuer", func(*api.Config) {}, 200},
		{"other roles", func(c *api.Config) { c.Auth.OIDC.AdminRole = "Other" }, 200},
		{"another audience", func(c *api.Config) { c.Auth.OIDC.Audience = "https://other.example" }, 401},
		{"another tenant claim", func(c *api.Config) { c.Auth.OIDC.TenantClaim = "sub" }, 403},
		{"another issuer", func(c *api.Config) { c.Auth.OIDC.Issuer += "/other" }, 503},
		{"no issuer", func(c *api.Config) { c.Auth.OIDC = auth.OIDC{} }, 401},
	} {
		t.Run(row.rule, func(t *testing.T) {
			i := newTestIssuer(t)
			a := api.New(i.config())
			acme, read := a.Tenant("acme"), i.readRequest(t)
			read.expectStatuses(t, acme, 200)
			i.setHandler(closeConnection)
			config := i.config()
			row.change(&config)
			a.Reconfigure(config.Settings)
			read.expectStatuses(t, acme, row.status)
		})
	}
}

func TestReconfigure_FetchesUnknownKeys(t *testing.T) {
	i := newTestIssuer(t)
	a := api.New(i.config())
	acme, old := a.Tenant("acme"), i.readRequest(t)
	old.expectStatuses(t, acme, 200)
	i.rotate(newES256Key(t, "second"))
	a.Reconfigure(i.config().Settings)
	i.readRequest(t).expectStatuses(t, acme, 200)
	old.expectStatuses(t, acme, 401) // its key was withdrawn

	none := api.New(i.config())
	none.Reconfigure(i.config().Settings)
	i.readRequest(t).expectStatuses(t, none.Tenant("acme"), 200)
}
