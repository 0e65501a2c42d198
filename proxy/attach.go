package proxy

import "context"

// Attach makes v what Exchange.Attached is of the request of ctx, which is one
// that a Tenant's API got. It is called before the API returns.
func Attach(ctx context.Context, v any) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.Attached = v
	}
}
