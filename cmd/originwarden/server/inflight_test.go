package server

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestInFlight_WaitsForRequestsThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := &inFlight{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		begun := time.Now()
		requests.wait(t.Context())
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("it waits %v for nobody", waited)
		}
		for range 2 {
			go requests.ServeHTTP(nil, nil)
		}
		synctest.Wait()
		requests.wait(t.Context())
		if waited := time.Since(begun).Round(time.Second); waited != time.Minute {
			t.Errorf("it waits %v for requests of a minute", waited)
		}
	})
}

func TestInFlight_WaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := &inFlight{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })}
		go requests.ServeHTTP(nil, nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		requests.wait(ctx)
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("it waits %v, not for a second", waited)
		}
		requests.wait(t.Context())
	})
}
