package server

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.uber.org/zap"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/atomicfile"
	"originwarden/cmd/originwarden/config"
)

// AdminTokenName is the name of the file, in the directory of the store, with the
// token that is made if none is configured.
const AdminTokenName = "admin-token"

var errNoTokens = errors.New("there are no tokens and no issuer: with a store that is not a file, one of them is required")

// tokens returns the tokens of cfg, or the admin token if cfg has neither tokens nor
// an issuer.
func (s *Server) tokens(cfg *config.Config) ([]auth.Token, error) {
	var tokens []auth.Token
	for _, t := range cfg.API.Tokens {
		role := auth.Reader
		if t.Role == config.RoleAdmin {
			role = auth.Admin
		}
		tokens = append(tokens, auth.Token{Subject: t.Subject, Tenant: t.Tenant, Role: role, SHA256: t.SHA256})
	}
	if len(tokens) > 0 || cfg.API.OIDC.Issuer != "" {
		return tokens, nil
	}
	// Only in a reload: the file may name a local store now, but the remote one stays
	// until a restart.
	if cfg.Store.URL.Remote() {
		return nil, errNoTokens
	}
	file, err := filepath.Abs(cfg.Store.URL.Path)
	if err != nil {
		return nil, err
	}
	if s.adminToken == nil {
		s.adminToken, err = loadAdminToken(filepath.Join(filepath.Dir(file), AdminTokenName), s.log.Logger)
	}
	return s.adminToken, err
}

// loadAdminToken returns the token in the file at path. If there is no file, it makes
// a token and writes it. The caller holds the lock of the store, so that no other
// process does the same.
func loadAdminToken(path string, log *zap.Logger) ([]auth.Token, error) {
	text, err := readToken(path, log)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		text = auth.NewToken()
		err = atomicfile.Write(path, func(w io.Writer) error {
			_, err := io.WriteString(w, text+"\n")
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("the admin token: %w", err)
	}
	log.Warn("no tokens are configured: using the admin token in a file", zap.String("file", path), zap.Bool("made", made))
	return []auth.Token{{Subject: "admin", Tenant: "*", Role: auth.Admin, SHA256: sha256.Sum256([]byte(text))}}, nil
}

func readToken(path string, log *zap.Logger) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if stat, err := f.Stat(); err == nil && stat.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		log.Warn("other users can read the admin token", zap.String("file", path), zap.Stringer("mode", stat.Mode()))
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if !auth.IsToken(token) {
		return "", fmt.Errorf("%s contains no token: remove the file, and the next start makes one", path)
	}
	return token, nil
}
