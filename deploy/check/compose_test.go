package check

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the compose file as `docker compose config` does: held to the
// schema, with no key unknown.
func compose(t *testing.T) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: "../compose.yaml"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose_NamesOnlyWhatThereIs(t *testing.T) {
	for name, service := range compose(t).Services {
		_, tag, _ := strings.Cut(service.Image, ":")
		if service.Build == nil && (tag == "" || tag == "latest") {
			t.Errorf("%s: the image %s has no version", name, service.Image)
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil || !volume.ReadOnly {
				t.Errorf("%s: %s is missing, or can be written: %v", name, volume.Source, err)
			}
		}
		if service.Build != nil {
			if _, err := os.Stat(service.Build.Context + "/" + service.Build.Dockerfile); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCompose_IsForThisMachineAlone(t *testing.T) {
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open at %q", name, port.Published, port.HostIP)
			}
		}
	}
}

func TestCompose_LetsNobodyPassTheGateway(t *testing.T) {
	project := compose(t)
	for name, service := range project.Services {
		_, reaches := service.Networks["tenants"]
		if reaches != slices.Contains([]string{"originwarden", "tenant"}, name) {
			t.Errorf("%s: it reaches tenants: %v", name, reaches)
		}
	}
	if len(project.Services["tenant"].Networks) != 1 || !bool(project.Networks["tenants"].Internal) {
		t.Error("the tenant is on a network of others")
	}
}
