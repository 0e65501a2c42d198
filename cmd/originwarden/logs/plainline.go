package logs

import (
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/origins"
	"originwarden/proxy"
)

// plainLines writes the JSON lines of exchanges that are plain: every value but numbers
// is printable ASCII that JSON does not escape, and nothing exceptional has happened.
// The lines are those of zap, which takes five times as long. The zero value is ready.
// It may be used concurrently.
type plainLines struct {
	second  atomic.Pointer[second]
	buffers sync.Pool // of *[]byte
}

// second is a second as the time of a line begins.
type second struct {
	unix int64
	text string
}

// isPlain reports whether the exchange is plain.
func isPlain(x *proxy.Exchange) bool {
	if x.API || x.Cut || x.OwnHost || x.Pattern != "" || x.Err != nil || x.Attached != nil ||
		x.TunnelEnd != "" || x.Limit != "" || x.UpstreamCause != "" || x.Nearest != (origins.NearMiss{}) {
		return false
	}
	return len(x.Method) <= MaxMethod && len(x.Path) <= MaxPath && len(x.Origin) <= origins.MaxLength &&
		isPlainText(x.Tenant) && isPlainText(x.Reason) && isPlainText(x.Method) && isPlainText(x.Path) && isPlainText(x.Origin) &&
		isPlainText(x.TraceID) && x.Client.IsValid() && x.Client.Zone() == "" && isShort(x.Duration) && isShort(x.UpstreamTime)
}

// isShort reports whether a duration in seconds has at most 15 digits, so that the
// nearest float has the same.
func isShort(d time.Duration) bool { return d >= 0 && d < 24*time.Hour }

// isPlainText reports whether neither Escape nor JSON changes s.
func isPlainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// write writes the line of a plain exchange, which ends now.
func (l *plainLines) write(to io.Writer, x *proxy.Exchange) {
	buffer, ok := l.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	*buffer = l.append((*buffer)[:0], x)
	to.Write(*buffer) // there is nowhere to report an error
	l.buffers.Put(buffer)
}

func (l *plainLines) append(line []byte, x *proxy.Exchange) []byte {
	line = append(line, `{"level":"info","ts":"`...)
	line = l.appendTime(line, x.Start.Add(x.Duration))
	line = append(line, `","msg":"request","tenant":"`...)
	line = append(line, x.Tenant...)
	line = append(line, `","kind":"`...)
	line = append(line, x.Kind.String()...)
	line = append(line, `","verdict":"`...)
	line = append(line, x.Verdict...)
	line = append(line, `","reason":"`...)
	line = append(line, x.Reason...)
	line = append(line, `","mode":"`...)
	line = append(line, x.Mode.String()...)
	line = append(line, `","method":"`...)
	line = append(line, x.Method...)
	line = append(line, `","path":"`...)
	line = append(line, x.Path...)
	line = append(line, `","status":`...)
	line = strconv.AppendInt(line, int64(x.Status), 10)
	line = append(line, `,"bytes":`...)
	line = strconv.AppendInt(line, x.Sent, 10)
	line = append(line, `,"received":`...)
	line = strconv.AppendInt(line, x.Received, 10)
	line = append(line, `,"duration":`...)
	line = appendSeconds(line, x.Duration)
	line = append(line, `,"upstream":`...)
	line = appendSeconds(line, x.UpstreamTime)
	line = append(line, `,"client":"`...)
	line = x.Client.AppendTo(line)
	line = append(line, `","trace_id":"`...)
	line = append(line, x.TraceID...)
	line = append(line, '"')
	if x.Asked {
		line = append(line, `,"asked":true`...)
	}
	if x.Origin != "" {
		line = append(line, `,"origin":"`...)
		line = append(line, x.Origin...)
		line = append(line, '"')
	}
	return append(line, "}\n"...)
}

// appendTime appends t as encodeTime does.
func (l *plainLines) appendTime(line []byte, t time.Time) []byte {
	unix := t.Unix()
	s := l.second.Load()
	if s == nil || s.unix != unix {
		s = &second{unix, t.UTC().Format("2006-01-02T15:04:05.")}
		l.second.Store(s)
	}
	line = append(line, s.text...)
	line = appendDigits(line, t.Nanosecond()/1000, 6)
	return append(line, 'Z')
}

// appendSeconds appends a short duration in seconds.
func appendSeconds(line []byte, d time.Duration) []byte {
	line = strconv.AppendInt(line, int64(d/time.Second), 10)
	rest := int(d % time.Second)
	if rest == 0 {
		return line
	}
	width := 9
	for ; rest%10 == 0; rest /= 10 {
		width--
	}
	return appendDigits(append(line, '.'), rest, width)
}

// appendDigits appends n with leading zeros.
func appendDigits(line []byte, n, width int) []byte {
	line = append(line, "000000000"[:width]...)
	for i := len(line) - 1; n > 0; i-- {
		line[i] = byte('0' + n%10)
		n /= 10
	}
	return line
}
