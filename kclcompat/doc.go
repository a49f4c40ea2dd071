// Package kclcompat tells what a consumer loses or repeats when it resumes from a checkpoint inside an aggregated
// record, and holds checkpoints where nothing is lost.
//
// Which user records come again after a crash depends on who resumes (a Reader: a version of the Java KCL, of its
// MultiLangDaemon, an SDK loop, kplkit) and on the call that wrote the checkpoint (a Style). RuleFor returns the Rule
// for both, with its reason and its source. Rules are measured with the real KCL where that can be run.
//
// A Checkpointer applies the rule: Done marks what is processed, Checkpoint writes the furthest position from which
// the worst of the declared readers loses nothing. Where that lies behind what is done, the position is "held": the
// records between come again after a crash, unless RefuseHeld asks for an error instead.
//
// Any number of goroutines may checkpoint at once: one write covers all that wait with it. WithCheckpointInterval puts off what is
// checkpointed inside a batch, from BeginBatch to FinishBatch, so that one write covers the calls of some time. Engines such as
// vmwarekcl call both; a loop of one's own has to.
//
// # Positions
//
// The Checkpointer writes the last user record of an aggregate as Java does, by its own sub-sequence number, and a
// plain record with sub-sequence number 0. A stored record that passed whole because it is damaged is written as all of
// it, (n, math.MaxInt64). A Sink gets the last finished stored record beside the position: where both have one number,
// all of that stored record is done.
//
// A user record has to say whether it came out of an aggregate, and was its last. deagg.Decoder tells it of stored records,
// deaggaws.AppendUserRecords of the records of a client that has taken aggregates apart already.
//
// # Compatibility
//
// Names of readers, styles and effects, and the IDs of rules stay. A rule's effects change only when a measurement
// shows that they were wrong, and the changelog says so.
package kclcompat
