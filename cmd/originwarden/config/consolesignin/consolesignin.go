// Package consolesignin configures how administrators sign in to the console by an
// OpenID Connect issuer.
package consolesignin

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"originwarden/origins"
)

// SignIn is what the issuer knows of the console. Its zero value offers no sign-in by
// the issuer.
type SignIn struct {
	ClientID string `yaml:"client_id"`
	// SecretFile names the file with the client's secret; "": it has none.
	SecretFile string `yaml:"secret_file"`
	// RedirectURL is where the issuer sends browsers back to: the console's URL,
	// followed by CallbackPath.
	RedirectURL string `yaml:"redirect_url"`
}

// CallbackPath is the path of RedirectURL.
const CallbackPath = "/sign-in/callback"

// maxSecret is the maximum length of a secret in bytes.
const maxSecret = 4 << 10

// Secret reads the secret, or returns "" if there is none.
func (s SignIn) Secret() (string, error) {
	if s.SecretFile == "" {
		return "", nil
	}
	f, err := os.Open(s.SecretFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	secret := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is longer than %d bytes", s.SecretFile, maxSecret)
	case secret == "":
		return "", fmt.Errorf("%s is empty", s.SecretFile)
	}
	return secret, nil
}

// Check calls report with each key whose value is wrong, and what is wrong with it.
// hasIssuer says whether an issuer is configured.
func (s SignIn) Check(hasIssuer bool, report func(key, problem string)) {
	switch {
	case s.ClientID == "" && s.SecretFile != "":
		report("secret_file", "is set without client_id")
	case s.ClientID == "" && s.RedirectURL != "":
		report("redirect_url", "is set without client_id")
	}
	if s.ClientID == "" {
		return
	}
	if !hasIssuer {
		report("client_id", "is set without api.oidc.issuer")
	}
	if err := checkRedirectURL(s.RedirectURL); err != nil {
		report("redirect_url", err.Error())
	}
	if _, err := s.Secret(); err != nil {
		report("secret_file", err.Error())
	}
}

func checkRedirectURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is missing: it is the console's URL, followed by " + CallbackPath)
	case err != nil || !origins.IsSecureURL(text) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("%.80q is not an https URL without a query (http is for this machine only)", text)
	case u.EscapedPath() != CallbackPath:
		return fmt.Errorf("%.80q does not have the path %s", text, CallbackPath)
	}
	return nil
}
