package request

import "strings"

// The families of user agents. AgentOf returns one of them.
const (
	AgentNone     = "none" // no User-Agent, or an empty one
	AgentOther    = "other"
	AgentChrome   = "chrome"
	AgentEdge     = "edge"
	AgentFirefox  = "firefox"
	AgentSafari   = "safari"
	AgentOpera    = "opera"
	AgentElectron = "electron"
	AgentNode     = "node"
	AgentCurl     = "curl"
	AgentPython   = "python"
	AgentGo       = "go"
	AgentJava     = "java"
)

// maxAgent is how much of a User-Agent is searched, in bytes.
const maxAgent = 512

// AgentOf returns the family of the user agent that has sent a request, as it says
// itself. Browsers name those that they descend from: the first name that is found in
// this order is their own.
func AgentOf(f Fields) string {
	lines := f.Values("User-Agent")
	if len(lines) == 0 || lines[0] == "" {
		return AgentNone
	}
	agent := lines[0][:min(len(lines[0]), maxAgent)]
	if !strings.HasPrefix(agent, "Mozilla/") {
		return toolOf(agent)
	}
	for _, sign := range [...]struct{ text, family string }{
		{"Electron/", AgentElectron},
		{" Edg", AgentEdge}, // Edg/, EdgA/, EdgiOS/
		{" OPR/", AgentOpera},
		{" Firefox/", AgentFirefox},
		{" FxiOS/", AgentFirefox},
		{" Chrome/", AgentChrome},
		{" CriOS/", AgentChrome},
		{" AppleWebKit/", AgentSafari}, // also the web views of applications
	} {
		if strings.Contains(agent, sign.text) {
			return sign.family
		}
	}
	return AgentOther
}

// toolOf returns the family of a user agent that does not claim to be a browser.
func toolOf(agent string) string {
	for _, sign := range [...]struct{ prefix, family string }{
		{"curl/", AgentCurl},
		{"node", AgentNode}, // also node-fetch
		{"undici", AgentNode},
		{"axios/", AgentNode},
		{"python-", AgentPython},
		{"Python", AgentPython},
		{"Go-http-client/", AgentGo},
		{"Java/", AgentJava},
		{"Java-http-client/", AgentJava},
		{"okhttp/", AgentJava},
	} {
		if strings.HasPrefix(agent, sign.prefix) {
			return sign.family
		}
	}
	return AgentOther
}
