package connection

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
)

// Token says where a command finds its token. It is never the value of a flag,
// which everybody on the machine could read.
type Token struct{ file string }

// Define gives cmd, and the commands below it, the flag.
func (t *Token) Define(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&t.file, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
}

// maxTokenFile is in bytes.
const maxTokenFile = 64 << 10

// Read returns the token.
func (t *Token) Read(env command.Environment) (string, error) {
	token := env.Getenv("ORIGINWARDEN_TOKEN")
	if t.file != "" {
		text, err := command.ReadFile(t.file, nil, maxTokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		token = string(text)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("there is no token: set ORIGINWARDEN_TOKEN, or give --token-file")
	}
	return token, nil
}
