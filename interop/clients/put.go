// Command clients puts user records with package producer/separate, as put.py and put.js do with the clients for Python and
// Node. Lines go in and out as those of java/kpl/Put.java: KIND, STREAM, KEY and DATA between tabs, and in a result SHARD,
// SEQUENCE NUMBER, ATTEMPTS and ERROR after them. KIND is always aggregated, ROW_PER_AGGREGATE user records together, or as many
// as the KPL's default allows.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/separate"
)

func main() {
	if err := put(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func put(ctx context.Context) error {
	perAggregate, _ := strconv.ParseUint(os.Getenv("ROW_PER_AGGREGATE"), 10, 64) // 0 is the default
	p, err := separate.Start(ctx, separate.Config{
		Command: []string{os.Getenv("ROW_KPLKIT"), "daemon"}, Region: "us-east-1", Endpoint: os.Getenv("ROW_KINESIS"),
		Credentials:         aws.CredentialsProviderFunc(anybody),
		AggregationMaxCount: perAggregate, MetricsLevel: "none",
	})
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		line := lines.Text()
		f := strings.Split(line, "\t")
		r := producer.Record{PartitionKey: f[2], Data: []byte(f[3])}
		err := p.Put(ctx, f[1], r, func(_ producer.Record, res producer.Result) { fmt.Println(answer(line, res)) })
		if err != nil {
			return err
		}
	}
	return p.Close(ctx)
}

func answer(line string, r producer.Result) string {
	if r.Err != nil {
		return fmt.Sprintf("%s\t\t\t%d\t%s", line, r.Attempts, strings.ReplaceAll(r.Err.Error(), "\n", " "))
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d\t", line, r.ShardID, r.Position, r.Attempts)
}

func anybody(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
}
