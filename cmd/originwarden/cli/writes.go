package cli

import (
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/metrics"
	"originwarden/store"
)

// monitor returns opened as a store of which is known whether it makes writes.
func (s *service) monitor(opened store.Store, cfg config.Store) *store.Monitored {
	return &store.Monitored{Store: opened, Timeout: time.Duration(cfg.Timeout), Report: s.reportWrites}
}

// reportWrites logs why writes fail, or that they do not any more.
func (s *service) reportWrites(why *store.WriteError) {
	if why == nil {
		s.log.Info("the store makes writes again")
		return
	}
	s.log.Error("the store makes no writes", zap.String("cause", string(why.Cause)), zap.String("error", logs.Escape(why.Error(), logs.LongestError)))
}

// writes is whether the store makes writes, as the metrics show it.
func (s *service) writes() metrics.Writes {
	state := s.store.WriteStatus()
	failures := map[string]uint64{}
	for cause, n := range state.Failures {
		failures[string(cause)] = n
	}
	shown := metrics.Writes{Failures: failures}
	if state.Problem != nil {
		shown.Problem = string(state.Problem.Cause)
	}
	return shown
}

// writeCauses are the values that a metric's label has.
func writeCauses() []string {
	var all []string
	for _, cause := range store.Causes() {
		all = append(all, string(cause))
	}
	return all
}
