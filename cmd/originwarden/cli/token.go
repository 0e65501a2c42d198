package cli

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
)

func newToken(env Environment) *cobra.Command {
	var subject, tenant, role string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token for the API: print it, and the line for the configuration",
		Long: "Make a token for the API. The first line is the token, for its user. The second one has\n" +
			"only its hash, and belongs under api.tokens in the configuration.",
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := checkToken(subject, tenant, role); err != nil {
				return err
			}
			token := auth.NewToken()
			_, err := fmt.Fprintf(env.Stdout, "%s\n%s\n", token, tokenLine(token, subject, tenant, role))
			return command.Failed(err)
		},
	}
	cmd.Flags().StringVar(&subject, "subject", "admin", "who uses the token; it becomes createdBy of what is created with it")
	cmd.Flags().StringVar(&tenant, "tenant", "*", "the tenant's id, or * for all")
	cmd.Flags().StringVar(&role, "role", "admin", "admin, or reader for reading only")
	return cmd
}

func checkToken(subject, tenant, role string) error {
	if err := new(config.Role).UnmarshalText([]byte(role)); err != nil {
		return fmt.Errorf("--role: %w", err)
	}
	if tenant != "*" && !origins.IsTenantID(tenant) {
		return fmt.Errorf("--tenant: %q is not a tenant id", tenant)
	}
	if !origins.IsSubject(subject) {
		return fmt.Errorf("--subject must not be empty, longer than %d characters, or contain control characters", origins.MaxSubjectLength)
	}
	return nil
}

// tokenLine returns an element of api.tokens. A JSON string is also a YAML string.
func tokenLine(token, subject, tenant, role string) string {
	quoted := func(s string) []byte {
		text, _ := json.Marshal(s)
		return text
	}
	return fmt.Sprintf(`- {subject: %s, tenant: %s, role: %s, sha256: "%x"}`, quoted(subject), quoted(tenant), role, sha256.Sum256([]byte(token)))
}
