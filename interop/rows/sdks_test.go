package rows

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// sdkParts are loops on the AWS SDKs with the de-aggregator that there is for the language.
func sdkParts() []part {
	java, javaWithJAXB := sdkJava(), sdkJava("jaxb")
	withJAXB := broken("damaged/with-jaxb", badIndex, "", damagedRestLost)
	withJAXB.last = javaWithJAXB
	return []part{
		sdkPart("sdk-java", java,
			broken("damaged/without-jaxb", badIndex, `^java\.lang\.NoClassDefFoundError: javax/xml/bind/DatatypeConverter$`, fromBatchLost), withJAXB,
			broken("damaged/md5", badMD5, "", exact), broken("damaged/protobuf", badProtobuf, "", exact)),
		sdkPart("sdk-python", program{command: []string{filepath.Join(cache, "python", "bin", "python"), "../python/consume.py"}, reader: "number"},
			broken("damaged", badIndex, "", damagedRestLost),
			broken("damaged/md5", badMD5, "", exact), broken("damaged/protobuf", badProtobuf, "", exact)),
		sdkPart("sdk-node", program{command: []string{"node", filepath.Join(cache, "node", "consume.js")}, reader: "number"},
			broken("damaged", badIndex, "", exact),
			broken("damaged/md5", badMD5, `^Error: Invalid record checksum$`, fromBatchLost), broken("damaged/protobuf", badProtobuf, `^RangeError: index out of range: 29 \+ 2 > 30$`, fromBatchLost)),
		sdkPart("sdk-go", rowProgram("sdk"),
			broken("damaged", badIndex, diesOfIndex, fromBatchLost),
			broken("damaged/md5", badMD5, "", exact), broken("damaged/protobuf", badProtobuf, diesOfProtobuf, fromBatchLost)),
	}
}

func sdkJava(more ...string) program {
	command := append([]string{"java"}, javaFlags()...)
	return program{command: append(command, "-cp", classPath("sdk-java", more...), "Consume"), reader: "number"}
}

// rowProgram is a consumer of consumers/row.
func rowProgram(name string) program {
	return program{command: []string{filepath.Join(cache, "row", "row"), name}, reader: name}
}

// sdkPart is a loop that keeps a sequence number in a file. broken are its runs with a damaged aggregate.
func sdkPart(name string, consumer program, broken ...scenario) part {
	scenarios := []scenario{
		{id: "deaggregated", what: "read to the end, de-aggregated after GetRecords", want: exact},
		crash("sequence-number/inside", "checkpoint at the 5th of 10 user records of an aggregate, then stopped hard", "sequence-number", "at", inside, 0, restLost),
		crash("sequence-number/last", "checkpoint at an aggregate's last user record, then stopped hard", "sequence-number", "at", atLast, 0, exact),
	}
	scenarios = deaggregating(append(scenarios, broken...))
	return part{
		name: name, kpl: "1.0.7", versions: map[string]string{"DynamoDB": ""}, consumer: consumer, tells: true,
		scenarios: append(scenarios, raw(), plainRecords()),
	}
}

// deaggregating makes the loop, or harlow, take aggregates apart.
func deaggregating(scenarios []scenario) []scenario {
	for i := range scenarios {
		scenarios[i].setAll(selfSettings)
	}
	return scenarios
}

func raw() scenario {
	return scenario{id: "raw", what: "read to the end, not de-aggregated", raw: true, want: aggregatesLost}
}

// plainRecords is unaggregated by its other name: a loop has one kind of checkpoint.
func plainRecords() scenario {
	s := unaggregated()
	s.id, s.what = "unaggregated", "put without aggregation; checkpoint at a record, then stopped hard"
	return s
}

// versions are those that the program tells.
func (p program) versions(t *testing.T) (found map[string]string) {
	out, err := exec.Command(p.command[0], append(p.command[1:len(p.command):len(p.command)], "--versions")...).Output()
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil {
		t.Fatalf("%s --versions: %v (is it installed? run.sh does that)", p.command[0], err)
	}
	return found
}
