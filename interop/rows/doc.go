// Package rows runs the real KPL and the real consumers: each run is a row of the usage matrix. It is all tests;
// run.sh installs what they need.
//
// A part is a consumer in one version, a run a scenario that it is put through: user records are put by the KPL, read
// back from the stream to choose where to stop, delivered by a worker that is stopped hard there, and delivered by
// another worker that goes on from the checkpoint. What every worker was handed is counted in a ledger, and recorded:
// judge decides by the recording alone, so that TestHarness can see whether it notices what goes wrong.
//
// In row-1 others put: clients of kplkit's, each a program in its language (interop/clients) over kplkit daemon, which is built
// from this tree.
//
// A consumer is a program in any language. It gets its settings in the environment (the type program lists them) and
// writes JSON lines (the type event).
package rows
