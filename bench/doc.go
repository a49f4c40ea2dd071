// Package bench compares kplkit with its peers on the same data, in one run each. It is a module of its own, so that
// the peers and what they depend on stay out of kplkit's go.mod.
package bench
