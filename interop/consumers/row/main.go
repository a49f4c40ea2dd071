// Command row is the Go consumers of the usage matrix, one for each argument, each written as its users write it:
//
//	sdk             the AWS SDK, with awslabs' package if ROW_SELF is 1
//	sdk-kplkit      the same on a client with kplkit's de-aggregation
//	vmware          vmware-go-kcl-v2
//	vmware-kplkit   the same on package vmwarekcl
//	harlow          harlow/kinesis-consumer, which de-aggregates if ROW_SELF is 1
//	harlow-kplkit   the same on a client with kplkit's de-aggregation
//	lambda-kplkit   a Lambda function on package deagglambda, and an event source mapping by AWS's rules; without a Store if ROW_SELF is 1
//	multilang       package multilang under the MultiLangDaemon, which starts it with a port
//
// Each checkpoints after every user record if ROW_CHECKPOINT is sequence-number or record, harlow after each batch of its
// ScanBatch if it is none, ends at the user record END, and stops hard at the user record ROW_AT, or after its batch. What it does it tells as JSON lines. On kplkit a record's sequence number
// says where in its aggregate it is; for sequence-number sdk-kplkit cuts that off.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

var consumers = map[string]func(settings) error{
	"sdk":           func(s settings) error { return runSDK(s) },
	"sdk-kplkit":    runSDKOnKplkit,
	"vmware":        runVMware,
	"vmware-kplkit": runVMwareOnKplkit,
	"harlow":        func(s settings) error { return runHarlow(s) },
	"harlow-kplkit": runHarlowOnKplkit,
	"lambda-kplkit": runLambda,
	"multilang":     runMultilang,
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: row CONSUMER [--versions]")
	}
	run, ok := consumers[os.Args[1]]
	if !ok {
		log.Fatalf("no consumer %q", os.Args[1])
	}
	if slices.Contains(os.Args, "--versions") {
		say(versions(os.Args[1]))
		return
	}
	s, err := fromEnvironment()
	if err == nil {
		err = run(s)
	}
	if err != nil {
		say(map[string]string{"error": err.Error(), "stopped": "error"})
		os.Exit(1)
	}
}

// settings are those of a run.
type settings struct {
	kinesis, dynamoDB   string // URLs
	stream, application string
	worker              string
	checkpointFile      string
	checkpoints         bool
	batches             bool // they are harlow's, after each batch of its ScanBatch
	bare                bool // the number alone is stored
	self                bool // the consumer de-aggregates by itself
	at                  string
	max                 int32 // stored records in one GetRecords
}

func fromEnvironment() (settings, error) {
	limit, err := strconv.ParseInt(os.Getenv("ROW_MAX"), 10, 32)
	if err != nil {
		return settings{}, fmt.Errorf("ROW_MAX: %w", err)
	}
	style := os.Getenv("ROW_CHECKPOINT")
	return settings{
		kinesis: os.Getenv("ROW_KINESIS"), dynamoDB: os.Getenv("ROW_DYNAMODB"),
		stream: os.Getenv("ROW_STREAM"), application: os.Getenv("ROW_APPLICATION"), worker: os.Getenv("ROW_WORKER"),
		checkpointFile: os.Getenv("ROW_CHECKPOINT_FILE"), checkpoints: style == "sequence-number" || style == "record", bare: style == "sequence-number",
		batches: style == "none",
		self:    os.Getenv("ROW_SELF") == "1", at: os.Getenv("ROW_AT"), max: int32(limit),
	}, nil
}

// aws needs no account.
func (s settings) aws() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")}
}

// handed tells of a user record, before anything else is done with it.
func (s settings) handed(data []byte, sequenceNumber string) {
	number, sub, _ := strings.Cut(sequenceNumber, ":")
	n, _ := strconv.Atoi(sub) // 0 where there is none
	say(struct {
		Record            []byte `json:"record"`
		SequenceNumber    string `json:"sequence_number"`
		SubSequenceNumber int    `json:"sub_sequence_number"`
	}{data, number, n})
}

// stored tells of a checkpoint.
func (s settings) stored(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	say(map[string]string{"checkpoint": what, "error": text})
}

// stopAt stops the program behind a user record that is the last one of this run: hard, as kill -9 does.
func (s settings) stopAt(data []byte) {
	switch string(data) {
	case "END":
		stop("END")
	case s.at:
		stop("at " + s.at)
	}
}

func stop(why string) {
	say(map[string]string{"stopped": why})
	os.Exit(0)
}

// sayTo is where what happens is told.
var sayTo io.Writer = os.Stdout

func say(line any) {
	if err := json.NewEncoder(sayTo).Encode(line); err != nil {
		log.Fatal(err)
	}
}

// versions are those that a consumer stands on, as the build knows them. On kplkit awslabs' package does nothing.
func versions(consumer string) map[string]string {
	found := map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		switch {
		case dependency.Path == "github.com/aws/aws-sdk-go-v2/service/kinesis":
			found["aws-sdk-go-v2 kinesis"] = dependency.Version
		case dependency.Path == "github.com/awslabs/kinesis-aggregation/go/v2" && !strings.HasSuffix(consumer, "-kplkit"):
			found["awslabs kinesis-aggregation"] = dependency.Version
		case dependency.Path == "github.com/vmware/vmware-go-kcl-v2" && strings.HasPrefix(consumer, "vmware"):
			found["vmware-go-kcl-v2"] = dependency.Version
		case dependency.Path == "github.com/harlow/kinesis-consumer" && strings.HasPrefix(consumer, "harlow"):
			found["harlow kinesis-consumer"] = dependency.Version
		}
	}
	return found
}
