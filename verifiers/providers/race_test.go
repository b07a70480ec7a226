//go:build race

package providers_test

const underRace = true
