package rows

// goParts are consumers in Go, by themselves and on kplkit.
func goParts() []part {
	return []part{
		sdkOnKplkit(),
		vmware(),
		onKplkit("vmware-kplkit", "vmware-kplkit"),
		harlow(),
		harlowOnKplkit(),
		lambdaOnKplkit(),
	}
}

// vmware always de-aggregates, by awslabs' package.
func vmware() part {
	return part{name: "vmware", kpl: "1.0.7", consumer: rowProgram("vmware"), tells: true, scenarios: []scenario{
		{id: "deaggregated", what: "read to the end", want: exact},
		crash("sequence-number/inside", "checkpoint at the 5th of 10 user records of an aggregate, then stopped hard", "sequence-number", "at", inside, 0, restLost),
		crash("sequence-number/last", "checkpoint at an aggregate's last user record, then stopped hard", "sequence-number", "at", atLast, 0, exact),
		plainRecords(),
		broken("damaged", badIndex, diesOfIndex, fromBatchLost),
		broken("damaged/md5", badMD5, "", exact),
		broken("damaged/protobuf", badProtobuf, "", damagedBatchLost),
	}}
}

// harlow de-aggregates by awslabs' package if it is told to. Its checkpoints are written in the background: a panic
// comes before the first.
func harlow() part {
	scenarios := deaggregating([]scenario{
		{id: "deaggregated", what: "read to the end, WithAggregation", want: exact},
		crash("sequence-number/inside", "WithAggregation; the checkpoint behind the 5th of 10 user records of an aggregate is written, then stopped hard", "sequence-number", "at", inside, 0, restLost),
		crash("sequence-number/last", "WithAggregation; the checkpoint behind an aggregate's last user record is written, then stopped hard", "sequence-number", "at", atLast, 0, exact),
		broken("damaged", badIndex, diesOfIndex, fromBatchLostAgain),
		broken("damaged/md5", badMD5, "", exact),
		broken("damaged/protobuf", badProtobuf, diesOfProtobuf, fromBatchLost),
	})
	return part{name: "harlow", kpl: "1.0.7", consumer: rowProgram("harlow"), tells: true, scenarios: append(scenarios, scanBatch("WithAggregation; ", selfSettings, batchEndLost), raw(), plainRecords())}
}

// scanBatch is a stop after the first batch of harlow's ScanBatch, which ends inside an aggregate.
func scanBatch(how string, settings map[string]string, w want) scenario {
	s := crash("scan-batch", how+"ScanBatch, whose batch of 100 user records ends inside an aggregate; its checkpoint is written, then stopped hard",
		"none", "batch", inside, 0, w)
	s.batch = 100
	s.setAll(merged(settings, map[string]string{"ROW_CHECKPOINT": "none"}))
	return s
}

func harlowOnKplkit() part {
	p := onKplkit("harlow-kplkit", "harlow-kplkit")
	p.scenarios = append(p.scenarios, scanBatch("", nil, exact))
	return p
}

// onKplkit is a consumer on kplkit, which resumes wherever its checkpoint is.
func onKplkit(name, consumer string) part {
	return part{name: name, kpl: "1.0.7", consumer: rowProgram(consumer), tells: true, scenarios: []scenario{
		{id: "decoded", what: "read to the end", want: exact},
		crash("inside", "checkpoint at the 5th of 10 user records of an aggregate, then stopped hard", "record", "at", inside, 0, exact),
		crash("last", "checkpoint at an aggregate's last user record, then stopped hard", "record", "at", atLast, 0, exact),
		plainRecords(),
		broken("damaged", badIndex, "", exact),
		broken("damaged/md5", badMD5, "", exact),
		broken("damaged/protobuf", badProtobuf, "", exact),
	}}
}

// sdkOnKplkit keeps its checkpoint in a file, and may spoil it: the number alone stands for all of the stored record.
func sdkOnKplkit() part {
	p := onKplkit("sdk-go-kplkit", "sdk-kplkit")
	p.versions = map[string]string{"DynamoDB": ""}
	p.scenarios = append(p.scenarios,
		crash("sequence-number/inside", "the number cut off from SEQUENCE:SUB, stored at the 5th of 10 user records of an aggregate, then stopped hard",
			"sequence-number", "at", inside, 0, restLost),
		crash("sequence-number/last", "the number, stored at an aggregate's last user record, then stopped hard", "sequence-number", "at", atLast, 0, exact))
	return p
}

// lambdaOnKplkit is a Lambda function on package deagglambda. Its checkpoint is what its Store holds; without a Store what the event
// source mapping holds: the stored record that comes next.
func lambdaOnKplkit() part {
	p := onKplkit("lambda-kplkit", "lambda-kplkit")
	p.versions = map[string]string{"DynamoDB": ""}
	p.scenarios[1] = crash("inside", "with a Store; process fails after the 5th of 10 user records of an aggregate, and Lambda sends its stored record again",
		"record", "at", inside, 0, exact)
	p.scenarios[2] = crash("last", "with a Store; process fails after an aggregate's last user record, and Lambda sends the next stored record again",
		"record", "at", atLast, 0, exact)
	again := crash("no-store/inside", "without a Store; process fails after the 5th of 10 user records of an aggregate, and Lambda sends its stored record again",
		"sequence-number", "at", inside, 0, againFromFirst)
	again.setAll(selfSettings)
	p.scenarios = append(p.scenarios, again)
	return p
}
