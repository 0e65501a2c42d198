package cli

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
)

// adminTokenName is the file beside the store's that holds the token which is
// made when none is configured.
const adminTokenName = "admin-token"

// adminToken returns the token of the file at path, and makes both when there
// is no such file. The caller holds the lock of the store, so that no other
// process does the same.
func adminToken(path string, log *zap.Logger) (auth.Token, error) {
	text, err := readToken(path, log)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		text = makeToken()
		err = writeToken(path, text)
	}
	if err != nil {
		return auth.Token{}, fmt.Errorf("the admin token: %w", err)
	}
	log.Warn("no tokens are configured: the admin token in a file is in use", zap.String("file", path), zap.Bool("made", made))
	return auth.Token{Subject: "admin", Tenant: "*", Role: auth.Admin, SHA256: sha256.Sum256([]byte(text))}, nil
}

func readToken(path string, log *zap.Logger) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if stat, err := f.Stat(); err == nil && stat.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		log.Warn("others can read the admin token", zap.String("file", path), zap.Stringer("mode", stat.Mode()))
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if !isToken(token) {
		return "", fmt.Errorf("%s holds none; when it is removed, the next start makes one", path)
	}
	return token, nil
}

// writeToken makes the file whole or not at all. os.CreateTemp gives it mode
// 0600.
func writeToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), adminTokenName+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(token + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
