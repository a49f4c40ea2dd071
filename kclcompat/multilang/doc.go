// Package multilang runs a kclcompat.Processor under the MultiLangDaemon of the Java KCL, versions 1.3 to 3.x: the daemon has the
// leases, reads and checkpoints, and starts a process for each shard, which calls Run.
//
// # What a checkpoint is worth
//
// Nothing is lost with any version, also where aggregation is on. What comes again after a crash depends on the daemon, which
// says what it can by its messages:
//
//	daemon           inside an aggregate  at its last user record  at the end of a batch
//	1.7.2 and newer  exact                exact                    exact
//	1.3              repeats              exact                    exact
//	1.4, or 1.3      repeats              repeats                  exact
//
// Run were 1.3.0, 1.4.0, 1.14.10, 2.7.2 and 3.1.3. That 1.7.2 to 1.13 say what 1.14 says, and 1.5 to 1.7.1 what 1.4 says, is read in
// the KCL's source (docs/multilang.md).
//
// Where it repeats, the lease says the last stored record that is finished, and with 1.4 what follows the first user record of
// that one comes again, too. 1.3 hands over aggregates, and Run takes them apart; 1.4 hands over user records
// without their sub-sequence numbers: those of one sequence number are counted from 0, also where the first of them do not
// come again after a restart. Before the first aggregate 1.3 and 1.4 look alike, and are treated as 1.4. FromContext tells which
// daemon it is; Result.Effect of each checkpoint tells what a crash would do.
//
// # Standard output
//
// Lines on the standard output belong to the daemon. As long as Run runs with os.Stdout, whatever else writes there writes to the
// standard error, where the daemon logs it: on Linux, macOS and the BSDs file descriptor 1 itself leads there, for C libraries
// and child processes, too; elsewhere the variable os.Stdout does.
//
// # How it ends
//
// A process has one shard. Run returns nil after the daemon's last message; an error has to end the process with a code that is not 0,
// as log.Fatal does: the daemon then ends, too, with all its shards, which go on elsewhere from their last checkpoints. A Processor may
// return a checkpoint's ErrLeaseLost, which ends nothing but its own shard. A panic of the Processor is not
// caught, so that it ends the process likewise, with its stack on the standard error.
//
// At an interrupt and at SIGTERM the daemon, from KCL 1.7.6 on, asks for a last checkpoint. A terminal sends its interrupt to this process, too,
// and would end it before that: the program ignores both, by signal.Ignore.
//
// # Compatibility
//
// Run keeps its signature, and messages of daemons up to 3.x stay understood. Daemon may gain fields.
package multilang
