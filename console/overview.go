package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"originwarden/console/fleet"
	"originwarden/console/traffic"
	"originwarden/lists"
)

const (
	// tenantsPerPage is how many tenants a page shows.
	tenantsPerPage = 50
	// listsTimeout bounds the time in which a page reads lists that are not in memory.
	listsTimeout = 2 * time.Second
)

// tenantsPage is the data of the page of all tenants.
type tenantsPage struct {
	Query          string
	Rows           []tenantRow
	Found          int
	From           int // the number of the first row
	Previous, Next string
}

type tenantRow struct {
	Tenant
	Allowed, Refused uint64 // in the last hour
	List             listSize
}

// listSize is the size of the list in force.
type listSize struct {
	Known                 bool
	Problem               string // why it is not known, or not in force
	Integrations, Origins int
}

// showTenants shows the tenants that the caller sees, or the only one.
func (r *request) showTenants() error {
	ids := r.visibleTenants()
	if len(ids) == 1 {
		return r.redirect("/tenants/" + ids[0])
	}
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	data := tenantsPage{Query: query}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	matching := matchingTenants(ids, query)
	from = min(max(from, 0), len(matching))
	until := min(from+tenantsPerPage, len(matching))
	data.Found, data.From = len(matching), from+1
	if from > 0 {
		data.Previous = tenantsLink(query, max(0, from-tenantsPerPage))
	}
	if until < len(matching) {
		data.Next = tenantsLink(query, until)
	}
	data.Rows = r.tenantRows(matching[from:until])
	return r.show(http.StatusOK, "tenants.html", page{Title: "Tenants", Data: data})
}

// visibleTenants returns the ids of the tenants that the caller may see.
func (r *request) visibleTenants() []string {
	own := r.caller.Tenant()
	if own == "*" {
		return r.Tenants()
	}
	if _, ok := r.Config.Tenant(own); !ok {
		return nil
	}
	return []string{own}
}

func matchingTenants(ids []string, query string) []string {
	if query == "" {
		return ids
	}
	var matching []string
	for _, id := range ids {
		if strings.Contains(strings.ToLower(id), strings.ToLower(query)) {
			matching = append(matching, id)
		}
	}
	return matching
}

func tenantsLink(query string, from int) string {
	return "/?" + url.Values{"q": {query}, "from": {strconv.Itoa(from)}}.Encode()
}

func (r *request) tenantRows(ids []string) []tenantRow {
	ctx, cancel := context.WithTimeout(r.Context(), listsTimeout)
	defer cancel()
	var rows []tenantRow
	for _, id := range ids {
		t, ok := r.Config.Tenant(id)
		if !ok { // removed by a reload
			continue
		}
		hour := r.Traffic.Hour(id, time.Now())
		sum := hour.Sum()
		rows = append(rows, tenantRow{t, sum.Allowed, sum.Refused, r.listSize(ctx, id)})
	}
	return rows
}

// listSize returns the size of a tenant's list.
func (r *request) listSize(ctx context.Context, tenant string) (size listSize) {
	list, err := r.Lists.List(ctx, tenant)
	switch {
	case errors.Is(err, lists.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded):
		size.Problem = "The list is unavailable: requests that need it are refused."
	case err != nil:
		size.Problem = "The list could not be read."
	case list.IsStale():
		size.Problem = "The list is stale: it was not confirmed in time, so requests that need it are refused."
	default:
		size.Known, size.Origins = true, list.Len()
		for range list.Versions() {
			size.Integrations++
		}
	}
	return size
}

// overview is the data of the overview of one tenant.
type overview struct {
	List      listSize
	Chart     traffic.Chart
	Attention []attention
}

// attention is something that an administrator should look at.
type attention struct {
	Text, Link, LinkText string
}

func (r *request) showOverview() error {
	ctx, cancel := context.WithTimeout(r.Context(), listsTimeout)
	defer cancel()
	hour := r.Traffic.Hour(r.tenant.ID, time.Now())
	data := overview{List: r.listSize(ctx, r.tenant.ID), Chart: hour.Chart()}
	data.Attention = r.attention(data)
	return r.show(http.StatusOK, "overview.html", page{Title: "Overview", Data: data})
}

func (r *request) attention(o overview) (all []attention) {
	if o.List.Problem != "" {
		all = append(all, attention{Text: o.List.Problem})
	}
	all = append(all, r.expiringCertificates(time.Now())...)
	if near := r.countNearMisses(); near > 0 {
		a := attention{Text: "Refused origins that almost match an entry: " + strconv.Itoa(near) + ". One of them may be a mistake in the list."}
		if r.hasSection("/refused") {
			a.Link, a.LinkText = r.tenantPath("/refused"), "Look at refused origins"
		}
		all = append(all, a)
	}
	return all
}

// expiresSoon is how long before its end a certificate needs attention.
const expiresSoon = 14 * 24 * time.Hour

// expiringCertificates is for callers of all tenants, who run the gateway.
func (r *request) expiringCertificates(now time.Time) (all []attention) {
	if r.Certificates == nil || r.caller.Tenant() != "*" {
		return nil
	}
	for _, c := range r.Certificates() {
		left := c.NotAfter.Sub(now)
		switch {
		case left <= 0:
			all = append(all, attention{Text: c.Name + " has expired."})
		case left < expiresSoon:
			all = append(all, attention{Text: c.Name + " expires in " + fleet.Duration(left) + "."})
		}
	}
	return all
}

// countNearMisses returns the number of refused origins that are near an entry. It is 0
// for callers who may not see them.
func (r *request) countNearMisses() (near int) {
	if !canWrite(r.caller) {
		return 0
	}
	var refused struct {
		Data []struct {
			Nearest *struct{} `json:"nearest"`
		} `json:"data"`
	}
	if _, err := r.callAPI(http.MethodGet, "/refused-origins", nil, nil, &refused); err != nil {
		return 0
	}
	for _, one := range refused.Data {
		if one.Nearest != nil {
			near++
		}
	}
	return near
}
