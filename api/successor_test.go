package api_test

import (
	"testing"

	"originwarden/api"
)

func TestSuccessor_KeepsTheKeysOfTheSameIssuer(t *testing.T) {
	for _, row := range []struct {
		rule   string
		change func(*api.Config)
		status int
	}{
		{"the same issuer", func(*api.Config) {}, 200},
		{"other roles", func(c *api.Config) { c.OIDC.AdminRole = "Other" }, 200},
		{"another audience", func(c *api.Config) { c.OIDC.Audience = "https://other.example" }, 401},
		{"another claim for the tenant", func(c *api.Config) { c.OIDC.TenantClaim = "sub" }, 403},
		{"another issuer", func(c *api.Config) { c.OIDC.Issuer += "/other" }, 503},
		{"no issuer", func(c *api.Config) { c.OIDC = api.OIDC{} }, 401},
	} {
		t.Run(row.rule, func(t *testing.T) {
			i := newIdentity(t)
			before := api.New(i.config())
			read := i.with(t)
			read.expect(t, before.Tenant("acme"), 200)
			i.answers(down)
			config := i.config()
			row.change(&config)
			read.expect(t, before.Successor(config).Tenant("acme"), row.status)
		})
	}
}

func TestSuccessor_AsksForKeysThatAreNotKnown(t *testing.T) {
	i := newIdentity(t)
	before := api.New(i.config())
	old := i.with(t)
	old.expect(t, before.Tenant("acme"), 200)
	i.rotate(ellipticKey(t, "second"))
	after := before.Successor(i.config()).Tenant("acme")
	i.with(t).expect(t, after, 200)
	old.expect(t, after, 401) // its key was withdrawn

	none := api.New(i.config()).Successor(i.config()).Tenant("acme")
	i.with(t).expect(t, none, 200)
}
