package extauthz_test

import (
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

func TestHealth_IsServingWhenReady(t *testing.T) {
	var ready atomic.Bool
	h := newHarness(t, options{isReady: ready.Load})
	probe := healthv1.NewHealthClient(h.conn)
	for _, row := range []struct {
		service string
		ready   bool
		want    healthv1.HealthCheckResponse_ServingStatus
	}{
		{"", false, healthv1.HealthCheckResponse_NOT_SERVING},
		{"", true, healthv1.HealthCheckResponse_SERVING},
		{"envoy.service.auth.v3.Authorization", true, healthv1.HealthCheckResponse_SERVING},
		{"envoy.service.auth.v3.Authorization", false, healthv1.HealthCheckResponse_NOT_SERVING},
	} {
		ready.Store(row.ready)
		got, err := probe.Check(t.Context(), &healthv1.HealthCheckRequest{Service: row.service})
		if err != nil || got.GetStatus() != row.want {
			t.Errorf("%q, ready %v: %v, %v; want %v", row.service, row.ready, got, err, row.want)
		}
	}
	if _, err := probe.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "another"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
	stream, err := probe.Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("Watch: %v", err)
	}
}
