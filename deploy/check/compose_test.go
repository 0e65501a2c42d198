package check

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose loads compose.yaml as docker compose config does: an unknown key is an
// error.
func loadCompose(t *testing.T) *types.Project {
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

func TestCompose_UsesVersionedImagesAndExistingFiles(t *testing.T) {
	for name, service := range loadCompose(t).Services {
		_, tag, _ := strings.Cut(service.Image, ":")
		if service.Build == nil && (tag == "" || tag == "latest") {
			t.Errorf("%s: image %s has no version", name, service.Image)
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil || !volume.ReadOnly {
				t.Errorf("%s: %s is missing or not read-only: %v", name, volume.Source, err)
			}
		}
		if service.Build != nil {
			if _, err := os.Stat(service.Build.Context + "/" + service.Build.Dockerfile); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestCompose_PublishesPortsOnLoopbackOnly(t *testing.T) {
	for name, service := range loadCompose(t).Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published at %q, want 127.0.0.1", name, port.Published, port.HostIP)
			}
		}
	}
}

func TestCompose_IsolatesTenantFromOtherServices(t *testing.T) {
	project := loadCompose(t)
	for name, service := range project.Services {
		_, member := service.Networks["tenants"]
		if member != slices.Contains([]string{"originwarden", "tenant"}, name) {
			t.Errorf("%s: on the tenants' network: %v, want %v", name, member, !member)
		}
	}
	if len(project.Services["tenant"].Networks) != 1 || !bool(project.Networks["tenants"].Internal) {
		t.Error("the tenant is on another network, or its network is not internal")
	}
}
