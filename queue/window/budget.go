package window

import "sync/atomic"

// Budget bounds the memory of all [Fresh] messages of a store together, in bytes.
type Budget struct{ left atomic.Int64 }

// NewBudget returns a budget of n bytes.
func NewBudget(n int64) *Budget {
	b := new(Budget)
	b.left.Store(n)
	return b
}

// Take takes n bytes if there are as many.
func (b *Budget) Take(n int) bool {
	if b.left.Add(-int64(n)) >= 0 {
		return true
	}
	b.left.Add(int64(n))
	return false
}

// Give returns n bytes.
func (b *Budget) Give(n int) { b.left.Add(int64(n)) }

// Left is how many bytes there are.
func (b *Budget) Left() int64 { return b.left.Load() }
