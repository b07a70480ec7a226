package postgres

import "slices"

// WithStep returns the options of a program whose tables are of the next format. Programs of the
// format oldest or later can use its tables.
func WithStep(o Options, sql string, oldest int) Options {
	o.steps = append(slices.Clone(o.withDefaults().steps), step{sql, oldest})
	return o
}
