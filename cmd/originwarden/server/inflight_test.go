package server

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestInFlight_WaitsForRunningRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := &inFlight{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		began := time.Now()
		requests.wait(t.Context())
		if waited := time.Since(began); waited != 0 {
			t.Errorf("wait without requests took %v, want 0", waited)
		}
		for range 2 {
			go requests.ServeHTTP(nil, nil)
		}
		synctest.Wait()
		requests.wait(t.Context())
		if waited := time.Since(began).Round(time.Second); waited != time.Minute {
			t.Errorf("wait took %v, want 1m", waited)
		}
	})
}

func TestInFlight_StopsWaitingWhenContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := &inFlight{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		go requests.ServeHTTP(nil, nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		requests.wait(ctx)
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("wait took %v, want 1s", waited)
		}
		requests.wait(t.Context())
	})
}
