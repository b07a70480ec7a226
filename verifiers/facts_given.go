package verifiers

// Identified tells whether requests are said to carry an event ID.
func (f Facts) Identified() bool { return len(f.EventID) > 0 }
