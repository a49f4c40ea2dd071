package rows

import "strings"

// kcl is a worker of a version of the KCL, with the jars of more beside its own.
func kcl(version string, more ...string) program {
	command := append([]string{"java"}, javaFlags()...)
	return program{
		command: append(command, "-cp", classPath("kcl-"+version, more...), "Worker"), index: strings.HasPrefix(version, "3."),
		reader: "KCL", jar: [2]string{"kcl-" + version, kclJar},
	}
}

func kclParts() []part {
	return []part{
		kclPart("1.3.0", "0.14.13", oldKCL()),
		kclPart("1.4.0", "0.14.13", append(newKCL(exact), damaged("damaged", kcl("1.4.0"), damagedRestLost))),
		kclPart("1.14.10", "0.14.13", append(newKCL(exact), damaged("damaged", kcl("1.14.10"), damagedRestLost))),
		kclPart("2.7.2", "1.0.7", append(newKCL(subZero), damagedJDK17("2.7.2")...)),
		kclPart("3.5.1", "1.0.7", append(newKCL(subZero), damagedJDK17("3.5.1")...)),
	}
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
	// farther is inside an aggregate that is not the first of its batch.
	farther = place{after: 1, user: 4}
)

// newKCL is every KCL that hands over user records and takes them as checkpoints. record is what checkpoint(record)
// comes to.
func newKCL(record want) []scenario {
	return []scenario{
		{id: "decoded", what: "read to the end", want: exact},
		crash("none/after-batch", afterBatch, "none", "batch", inside, 3, exact),
		crash("none/later-batch", laterBatch, "none", "later", farther, 3, batchTwice),
		crash("none/inside-batch", insideBatch, "none", "at", inside, 0, restOfBatchLost),
		crash("sequence-number/first", call("sequence number", first), "sequence-number", "at", first, 0, subZero),
		crash("sequence-number/inside", call("sequence number", inside), "sequence-number", "at", inside, 0, subZero),
		crash("sequence-number/last", call("sequence number", atLast), "sequence-number", "at", atLast, 0, subZero),
		crash("record/inside", call("record", inside), "record", "at", inside, 0, record),
		crash("record/last", call("record", atLast), "record", "at", atLast, 0, record),
		crash("extended/inside", call("sequence number, sub-sequence number", inside), "extended", "at", inside, 0, exact),
		crash("extended/last", call("sequence number, sub-sequence number", atLast), "extended", "at", atLast, 0, exact),
		crash("extended/beyond", call("sequence number, 99", inside), "extended-beyond", "at", inside, 0, restLost),
		unaggregated(),
		latest(nil),
	}
}

// oldKCL is KCL 1.3.0, which hands over aggregates: applications take them apart.
func oldKCL() []scenario {
	runs := []scenario{
		{id: "raw", what: "read to the end; the application does not de-aggregate", raw: true, want: aggregatesLost},
		crash("none/after-batch", afterBatch, "none", "batch", inside, 3, exact),
		crash("none/later-batch", laterBatch, "none", "later", farther, 3, batchTwice),
		crash("none/inside-batch", insideBatch, "none", "at", inside, 0, restOfBatchLost),
		crash("sequence-number/first", call("sequence number", first), "sequence-number", "at", first, 0, restLost),
		crash("sequence-number/inside", call("sequence number", inside), "sequence-number", "at", inside, 0, restLost),
		crash("sequence-number/last", call("sequence number", atLast), "sequence-number", "at", atLast, 0, restLost),
		damaged("damaged", kcl("1.3.0"), exact),
	}
	for i := range runs[1:] {
		selfDeaggregating(&runs[1+i])
	}
	return append(runs, unaggregated(), latest(selfSettings))
}

// What the runs are, in words.
const (
	afterBatch  = "checkpoint() after the batch, then stopped hard"
	laterBatch  = "checkpoint() after each batch, stopped hard inside a later one"
	insideBatch = "checkpoint() inside a batch, then stopped hard"
)

func call(arguments string, at place) string {
	where := "the 5th of 10 user records of an aggregate"
	switch at {
	case first:
		where = "an aggregate's first user record"
	case atLast:
		where = "an aggregate's last user record"
	}
	return "checkpoint(" + arguments + ") at " + where + ", then stopped hard"
}

// selfSettings make an application de-aggregate what the KCL hands it.
var selfSettings = map[string]string{"ROW_SELF": "1"}

// selfDeaggregating makes all workers of a run de-aggregate.
func selfDeaggregating(s *scenario) {
	s.what += "; the application de-aggregates"
	s.setAll(selfSettings)
}

// setAll gives settings to all workers of a run.
func (s *scenario) setAll(settings map[string]string) {
	s.settings = settings
	for i := range s.stops {
		s.stops[i].settings = settings
	}
}

func unaggregated() scenario {
	s := crash("unaggregated/sequence-number", "put without aggregation; checkpoint(sequence number), then stopped hard",
		"sequence-number", "at", inside, 0, exact)
	s.plain = true
	return s
}

// damaged is a run in which one aggregate has a bad key index. It is stopped later on, after a checkpoint, to see
// whether the next worker brings back what was lost.
func damaged(id string, by program, w want) scenario {
	return scenario{
		id: id, what: "one aggregate has a bad key index; checkpoint() after a later batch, stopped, resumed",
		damage: badIndex, max: 3, stops: []stop{{at: place{after: 2}, checkpoint: "none", when: "batch", by: by}}, last: by, want: w,
	}
}

// damagedJDK17 is damaged with the jars that the KCL's own pom names, and with the one that it misses since JDK 11.
func damagedJDK17(version string) []scenario {
	without := damaged("damaged/without-jaxb", kcl(version), damagedBatchLost)
	with := damaged("damaged/with-jaxb", kcl(version, "jaxb"), damagedRestLost)
	without.what += "; no jaxb-api on the class path"
	with.what += "; jaxb-api on the class path"
	return []scenario{without, with}
}
