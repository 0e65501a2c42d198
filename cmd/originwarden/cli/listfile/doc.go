// Package listfile reads and writes files that say which web integrations a tenant
// should have, for people to edit and to keep under version control.
//
// As YAML, such a file is
//
//	web_integrations:
//	  production:
//	    - https://app.example.com
//	    - https://admin.example.com
//	  staging: [https://staging.example.com]
//
// It has the names of the web integrations and their valid origins, and nothing that
// a server assigns. JSON of the same structure is read too.
package listfile
