package rows

// kcl is a worker of a version of the KCL, with the jars of more beside its own.
func kcl(version string, more ...string) program {
	command := append([]string{"java"}, javaFlags()...)
	return program{command: append(command, "-cp", classPath("kcl-"+version, more...), "Worker")}
}

func kclParts() []part {
	return []part{kclPart("1.4.0", "0.14.13", userRecordKCL())}
}

func kclPart(version, kplVersion string, scenarios []scenario) part {
	return part{
		name: "kcl-" + version, kpl: kplVersion, versions: map[string]string{"KCL": version, "Java": javaVersion()},
		consumer: kcl(version), scenarios: scenarios,
	}
}

// crash is a worker that is stopped hard in the middle of the stream, and another that goes on.
func crash(id, what, checkpoint, when string, at place, max int, w want) scenario {
	return scenario{id: id, what: what, max: max, stops: []stop{{at: at, checkpoint: checkpoint, when: when}}, want: w}
}

// Where workers are stopped: at the first, the 5th and the last of the ten user records of the middle aggregate.
var (
	first  = place{user: 0}
	inside = place{user: 4}
	atLast = place{user: last}
)

// userRecordKCL is every KCL that hands over user records and takes them as checkpoints.
func userRecordKCL() []scenario {
	return []scenario{
		{id: "decoded", what: "read to the end", want: exact},
		crash("none/after-batch", "checkpoint() after the batch, then stopped hard", "none", "batch", inside, 3, exact),
		crash("none/later-batch", "checkpoint() after each batch, stopped hard in a later batch", "none", "later", place{after: 1, user: 4}, 3, batchTwice),
		crash("none/inside-batch", "checkpoint() inside a batch, then stopped hard", "none", "at", inside, 0, restOfBatchLost),
		crash("sequence-number/first", "checkpoint(sequence number) at an aggregate's first user record, then stopped hard", "sequence-number", "at", first, 0, exact),
		crash("sequence-number/inside", "checkpoint(sequence number) at the 5th of 10 user records of an aggregate, then stopped hard", "sequence-number", "at", inside, 0, subZero),
		crash("sequence-number/last", "checkpoint(sequence number) at an aggregate's last user record, then stopped hard", "sequence-number", "at", atLast, 0, subZero),
		crash("record/inside", "checkpoint(record) at the 5th of 10 user records of an aggregate, then stopped hard", "record", "at", inside, 0, exact),
		crash("record/last", "checkpoint(record) at an aggregate's last user record, then stopped hard", "record", "at", atLast, 0, exact),
		crash("extended/inside", "checkpoint(sequence number, sub-sequence number) at the 5th of 10 user records of an aggregate, then stopped hard", "extended", "at", inside, 0, exact),
		crash("extended/last", "checkpoint(sequence number, sub-sequence number) at an aggregate's last user record, then stopped hard", "extended", "at", atLast, 0, exact),
		crash("extended/beyond", "checkpoint(sequence number, 99) at the 5th of 10 user records of an aggregate, then stopped hard", "extended-beyond", "at", inside, 0, restLost),
	}
}
