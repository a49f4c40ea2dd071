// Command stores is harlow/kinesis-consumer with its Postgres or MySQL store, as its README has them, on kplkit's client or
// alone. It reads a shard, and asks for its checkpoint to be stored after each user record. At the user record -stop it is
// killed, once that record's checkpoint was stored or refused; at the user record END, too. It prints what it does as JSON
// lines.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	harlow "github.com/harlow/kinesis-consumer"
	"github.com/harlow/kinesis-consumer/store/mysql"
	"github.com/harlow/kinesis-consumer/store/postgres"

	"github.com/kplkit/kplkit/deagg/deaggaws"
)

var (
	database  = flag.String("database", "", "postgres or mysql")
	source    = flag.String("source", "", "how the database is reached")
	endpoint  = flag.String("kinesis", "", "URL of Kinesis")
	positions = flag.String("positions", "text", "text or digits, on kplkit; alone: harlow by itself")
	at        = flag.String("stop", "", "the user record where it is killed")
	versions  = flag.Bool("versions", false, "print what it stands on")
)

// checkpoints is a store that writes when it is told to.
type checkpoints interface {
	harlow.Store
	Flush() error
}

func main() {
	flag.Parse()
	if *versions {
		say(stoodOn())
		return
	}
	if err := run(); err != nil {
		say(map[string]string{"failed": err.Error()})
		os.Exit(1)
	}
}

func run() error {
	store, err := open()
	if err != nil {
		return err
	}
	consumer, err := harlow.New("orders", harlow.WithClient(client()), harlow.WithStore(store), harlow.WithShardIteratorType("TRIM_HORIZON"),
		harlow.WithAggregation(*positions == "alone"))
	if err != nil {
		return err
	}
	last := ""
	return consumer.Scan(context.Background(), func(r *harlow.Record) error {
		flush(store) // of the user record before, which harlow has handed to the store by now
		if last != "" {
			kill()
		}
		say(map[string]string{"record": string(r.Data)})
		switch string(r.Data) {
		case "END":
			kill()
		case *at:
			last = *at
		}
		return nil
	})
}

func open() (checkpoints, error) {
	if *database == "mysql" {
		return mysql.New("app", "kinesis_consumer", *source)
	}
	return postgres.New("app", "kinesis_consumer", *source)
}

// client is kplkit's, or one without.
func client() *kinesis.Client {
	config := aws.Config{Region: "us-east-1", BaseEndpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")}
	switch *positions {
	case "alone":
		return kinesis.NewFromConfig(config)
	case "digits":
		return kinesis.NewFromConfig(config, deaggaws.WithDeaggregation(deaggaws.WithDigitPositions()))
	}
	return kinesis.NewFromConfig(config, deaggaws.WithDeaggregation())
}

// flush stores what is to be stored, as the store's own ticker does: harlow does not hear of an error there.
func flush(store checkpoints) {
	if err := store.Flush(); err != nil {
		say(map[string]string{"refused": err.Error()})
	}
}

func kill() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		log.Fatal(err)
	}
	select {}
}

func say(line any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

// stoodOn is what the program is built of.
func stoodOn() map[string]string {
	found := map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		switch dependency.Path {
		case "github.com/harlow/kinesis-consumer", "github.com/lib/pq", "github.com/go-sql-driver/mysql":
			found[strings.TrimPrefix(dependency.Path, "github.com/")] = dependency.Version
		}
	}
	return found
}
