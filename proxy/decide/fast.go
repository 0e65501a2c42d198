package decide

import (
	"context"
	"net/http"
	"time"

	"originwarden/proxy/fastlane"
)

// answerTimeout is how long a proxy may take to read an answer in the fast lane.
const answerTimeout = 10 * time.Second

// ServeFast implements fastlane.Handler. It leaves to net/http what is no question, and
// the end of a connection.
func (h *Handler) ServeFast(r *fastlane.Request) fastlane.Outcome {
	if _, ok := r.Body(); !ok || r.Head.Close || h.closing.Load() {
		return fastlane.OtherLane
	}
	dialect := Dialect(h.dialect.Load())
	asked, p := dialect.read(&received{&r.Head, r.Head.Method, r.Head.Target, r.Head.Host, r.Peer})
	if p != nil {
		return fastlane.OtherLane
	}
	answer := dialect.answer(&asked, h.config.Decider.Decide(context.Background(), asked))
	if r.Out = h.appendAnswer(r.Out[:0], &answer, r.Head.Method); r.Write(r.Out, answerTimeout) != nil {
		return fastlane.CloseNow
	}
	return fastlane.KeepOpen
}

// appendAnswer appends the response to a question of a method.
func (h *Handler) appendAnswer(out []byte, a *answer, method string) []byte {
	out = fastlane.AppendStatus(out, a.status, http.StatusText(a.status))
	for _, f := range a.fields {
		out = fastlane.AppendField(out, f.Name, f.Values[0])
	}
	out = fastlane.AppendField(out, "Date", h.date.At(time.Now()))
	if a.status != http.StatusNoContent {
		out = fastlane.AppendLength(out, int64(len(a.body)))
	}
	out = append(out, "\r\n"...)
	if method == http.MethodHead {
		return out
	}
	return append(out, a.body...)
}
