package decide

import (
	"net/http"
	"strconv"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// Values that are the same in every answer. They are not changed.
var (
	isTrue  = []string{"true"}
	allowed = []string{string(origins.Allowed)}
	refused = []string{string(origins.Refused)}
)

// write writes the answer to a request.
func write(w http.ResponseWriter, d Dialect, asked *request.Request, a proxy.Answer) {
	header := w.Header()
	for _, f := range a.Header {
		header[f.Name] = f.Values
	}
	setVerdict(header, a.Verdict, a.Reason)
	if a.DropsCredentials {
		header["Originwarden-Drop-Credentials"] = isTrue
	}
	if a.KeepsCORS {
		header["Originwarden-Keep-Cors"] = isTrue
	}
	status := a.Status
	switch {
	case a.Forwards:
		status = http.StatusOK
	case d == Nginx && status >= http.StatusBadRequest && !isPreflight(asked):
		header["Originwarden-Status"] = []string{strconv.Itoa(status)}
		status = http.StatusForbidden
	}
	writeBody(w, status, a.Body)
}

// isPreflight reports whether the request is a preflight. Nginx's auth_request knows only
// 401 and 403, but preflights cannot be asked by it, because they are answered here: Nginx
// passes them on, and sends what it gets.
func isPreflight(asked *request.Request) bool {
	kind, _ := asked.Kind()
	return kind == origins.Preflight
}

func setVerdict(header http.Header, verdict origins.Verdict, reason string) {
	header["Originwarden-Verdict"] = refused
	if verdict == origins.Allowed {
		header["Originwarden-Verdict"] = allowed
	}
	header["Originwarden-Reason"] = []string{reason}
}

// writeBody writes a response, with a body if it is not nil.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	if body != nil {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if body != nil {
		w.Write(body)
	}
}
