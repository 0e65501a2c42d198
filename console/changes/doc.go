// Package changes has the changes of lists as the page History shows them, and plans what
// undoes one. The writes go through the API of the tenant.
package changes
