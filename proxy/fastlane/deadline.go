package fastlane

import "time"

// deadline is one of a connection's deadlines. It is moved at most once a second or
// so: moving it costs as much as a short write.
type deadline struct{ at time.Time }

// arm has the deadline pass when limit has passed since began, or up to a second
// later; 0 is no limit.
func (d *deadline) arm(set func(time.Time) error, began time.Time, limit time.Duration) {
	if limit == 0 {
		d.disarm(set)
		return
	}
	due, slack := began.Add(limit), min(limit/8, time.Second)
	if d.at.Before(due) || d.at.After(due.Add(slack)) {
		d.at = due.Add(slack)
		set(d.at)
	}
}

func (d *deadline) disarm(set func(time.Time) error) {
	if !d.at.IsZero() {
		d.at = time.Time{}
		set(d.at)
	}
}
