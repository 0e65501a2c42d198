package connection

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

// Failure returns why a call of a server failed, and what to do about it if that
// is known. The error of an invalid server URL is a mistake in how the command
// was called.
func Failure(doing string, err error) error {
	if errors.Is(err, client.ErrInvalidServer) {
		return err
	}
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || len(refused.Errors) == 0 {
		return command.Failed(errors.New(escape.Text(doing + ": " + err.Error() + hint(err))))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d %s", escape.Text(doing), refused.Status, http.StatusText(refused.Status))
	for _, problem := range refused.Errors {
		text.WriteString("\n  " + problem.String())
	}
	if refused.Errors[0].Code == "TENANT_UNKNOWN" {
		text.WriteString("\n  --host gives the tenant's host if it is not the one of the server's URL")
	}
	if refused.TraceID != "" {
		text.WriteString("\n  trace id " + escape.Text(refused.TraceID))
	}
	return command.Failed(errors.New(text.String()))
}

// hint returns what to do about an error of a connection, or "".
func hint(err error) string {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return ": the server does not speak TLS: begin its URL with http://"
	}
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusBadRequest && strings.Contains(err.Error(), " http://") {
		return ": if the server speaks TLS, begin its URL with https://"
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return ": --cacert has to name a file with the server's authority"
	}
	return ""
}

// ConcernsOne reports whether an error of a call concerns one web integration alone,
// so that calls for others may succeed.
func ConcernsOne(err error) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return ok && slices.Contains([]int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
	}, refused.Status)
}
