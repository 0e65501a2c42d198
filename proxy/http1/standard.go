package http1

// standard knows the names of the registry of HTTP fields, and of common use, that
// are spelled otherwise than http.CanonicalHeaderKey does.
func standard(canonical string) (name string, ok bool) {
	switch canonical {
	case "A-Im":
		return "A-IM", true
	case "Alpn":
		return "ALPN", true
	case "Amp-Cache-Transform":
		return "AMP-Cache-Transform", true
	case "Cdn-Cache-Control":
		return "CDN-Cache-Control", true
	case "Cdn-Loop":
		return "CDN-Loop", true
	case "Cal-Managed-Id":
		return "Cal-Managed-ID", true
	case "Caldav-Timezones":
		return "CalDAV-Timezones", true
	case "Content-Dpr":
		return "Content-DPR", true
	case "Content-Id":
		return "Content-ID", true
	case "Content-Md5":
		return "Content-MD5", true
	case "Dasl":
		return "DASL", true
	case "Dav":
		return "DAV", true
	case "Dnt":
		return "DNT", true
	case "Dpr":
		return "DPR", true
	case "Dpop":
		return "DPoP", true
	case "Dpop-Nonce":
		return "DPoP-Nonce", true
	case "Ect":
		return "ECT", true
	case "Ediint-Features":
		return "EDIINT-Features", true
	case "Etag":
		return "ETag", true
	case "Http2-Settings":
		return "HTTP2-Settings", true
	case "Im":
		return "IM", true
	case "Include-Referred-Token-Binding-Id":
		return "Include-Referred-Token-Binding-ID", true
	case "Last-Event-Id":
		return "Last-Event-ID", true
	case "Mime-Version":
		return "MIME-Version", true
	case "Nel":
		return "NEL", true
	case "Odata-Entityid":
		return "OData-EntityId", true
	case "Odata-Isolation":
		return "OData-Isolation", true
	case "Odata-Maxversion":
		return "OData-MaxVersion", true
	case "Odata-Version":
		return "OData-Version", true
	case "P3p":
		return "P3P", true
	case "Pics-Label":
		return "PICS-Label", true
	case "Rtt":
		return "RTT", true
	case "Repeatability-Client-Id":
		return "Repeatability-Client-ID", true
	case "Repeatability-Request-Id":
		return "Repeatability-Request-ID", true
	case "Slug":
		return "SLUG", true
	case "Soapaction":
		return "SOAPAction", true
	case "Sec-Ch-Dpr":
		return "Sec-CH-DPR", true
	case "Sec-Ch-Prefers-Color-Scheme":
		return "Sec-CH-Prefers-Color-Scheme", true
	case "Sec-Ch-Prefers-Reduced-Motion":
		return "Sec-CH-Prefers-Reduced-Motion", true
	case "Sec-Ch-Ua":
		return "Sec-CH-UA", true
	case "Sec-Ch-Ua-Arch":
		return "Sec-CH-UA-Arch", true
	case "Sec-Ch-Ua-Bitness":
		return "Sec-CH-UA-Bitness", true
	case "Sec-Ch-Ua-Form-Factors":
		return "Sec-CH-UA-Form-Factors", true
	case "Sec-Ch-Ua-Full-Version":
		return "Sec-CH-UA-Full-Version", true
	case "Sec-Ch-Ua-Full-Version-List":
		return "Sec-CH-UA-Full-Version-List", true
	case "Sec-Ch-Ua-Mobile":
		return "Sec-CH-UA-Mobile", true
	case "Sec-Ch-Ua-Model":
		return "Sec-CH-UA-Model", true
	case "Sec-Ch-Ua-Platform":
		return "Sec-CH-UA-Platform", true
	case "Sec-Ch-Ua-Platform-Version":
		return "Sec-CH-UA-Platform-Version", true
	case "Sec-Ch-Ua-Wow64":
		return "Sec-CH-UA-WoW64", true
	case "Sec-Ch-Viewport-Width":
		return "Sec-CH-Viewport-Width", true
	case "Sec-Gpc":
		return "Sec-GPC", true
	case "Sec-Websocket-Accept":
		return "Sec-WebSocket-Accept", true
	case "Sec-Websocket-Extensions":
		return "Sec-WebSocket-Extensions", true
	case "Sec-Websocket-Key":
		return "Sec-WebSocket-Key", true
	case "Sec-Websocket-Protocol":
		return "Sec-WebSocket-Protocol", true
	case "Sec-Websocket-Version":
		return "Sec-WebSocket-Version", true
	case "Sourcemap":
		return "SourceMap", true
	case "Tcn":
		return "TCN", true
	case "Te":
		return "TE", true
	case "Ttl":
		return "TTL", true
	case "Uri":
		return "URI", true
	case "Www-Authenticate":
		return "WWW-Authenticate", true
	case "X-B3-Parentspanid":
		return "X-B3-ParentSpanId", true
	case "X-B3-Spanid":
		return "X-B3-SpanId", true
	case "X-B3-Traceid":
		return "X-B3-TraceId", true
	case "X-Dns-Prefetch-Control":
		return "X-DNS-Prefetch-Control", true
	case "X-Http-Method-Override":
		return "X-HTTP-Method-Override", true
	case "X-Ua-Compatible":
		return "X-UA-Compatible", true
	case "X-Xsrf-Token":
		return "X-XSRF-TOKEN", true
	case "X-Xss-Protection":
		return "X-XSS-Protection", true
	}
	return "", false
}
