// Package interop runs the real KCL, the other de-aggregators and other emulators against kplkit.
//
// It is all tests, in a module of its own so that the peers stay out of kplkit's go.mod. run.sh installs the peers and
// then runs the tests; a test whose peer is not installed fails and says so.
//
// A peer is a small program in its own language. It reads stored records as JSON lines and writes user records as
// JSON lines; called with --versions it writes what it stands on as one JSON object. storedRecord and userRecord
// are the two forms.
package interop
