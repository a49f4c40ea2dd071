package interop

import (
	"cmp"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/interop/servers"
)

// subject is a Kinesis under test, spoken to by the real SDK.
type subject struct {
	*testing.T
	*kinesis.Client
	streams *int // how many were made: each case has its own
}

// emulator is a Kinesis to compare with. Its name and version head its column.
type emulator struct {
	name     string
	versions func(t *testing.T) map[string]string
	start    func(t *testing.T) (url string)
}

var (
	fake = emulator{
		"kplkit",
		func(*testing.T) map[string]string { return nil },
		func(t *testing.T) string {
			s := kinesisfake.New(kinesisfake.Options{})
			h := httptest.NewServer(s)
			t.Cleanup(func() { s.Close(); h.Close() })
			return h.URL
		},
	}
	kinesisMock = emulator{
		"kinesis-mock",
		func(t *testing.T) map[string]string {
			return map[string]string{"kinesis-local": servers.NPMVersion(t, ".cache", "kinesis-mock", "kinesis-local")}
		},
		func(t *testing.T) string {
			return "http://" + servers.Start(t, "kinesis-mock", func(port string) *exec.Cmd {
				cmd := exec.Command("node", "main.js")
				cmd.Dir = filepath.Join(".cache", "kinesis-mock", "node_modules", "kinesis-local")
				cmd.Env = append(os.Environ(), "KINESIS_MOCK_PLAIN_PORT="+port, "KINESIS_MOCK_TLS_PORT="+servers.FreePort(t),
					"SHARD_LIMIT=1000", "LOG_LEVEL=ERROR")
				for _, action := range []string{"CREATE_STREAM", "DELETE_STREAM", "REGISTER_STREAM_CONSUMER", "DEREGISTER_STREAM_CONSUMER", "MERGE_SHARDS", "SPLIT_SHARD"} {
					cmd.Env = append(cmd.Env, action+"_DURATION=5ms")
				}
				return cmd
			})
		},
	}
	ferrokinesis = emulator{
		"ferrokinesis",
		func(t *testing.T) map[string]string { return map[string]string{"ferrokinesis": ferrokinesisVersion(t)} },
		func(t *testing.T) string {
			return "http://" + servers.Start(t, "ferrokinesis", func(port string) *exec.Cmd {
				return exec.Command(ferrokinesisProgram, "--port", port, "--shard-limit", "1000", "--log-level", "error",
					"--create-stream-ms", "5", "--delete-stream-ms", "5", "--update-stream-ms", "5")
			})
		},
	}
)

const ferrokinesisProgram = ".cache/ferrokinesis/bin/ferrokinesis"

// ferrokinesisVersion is what cargo noted down: the program does not tell.
func ferrokinesisVersion(t *testing.T) string {
	notes, err := os.ReadFile(".cache/ferrokinesis/.crates.toml")
	found := regexp.MustCompile(`"ferrokinesis (\S+) `).FindSubmatch(notes)
	if err != nil || found == nil {
		t.Fatalf("ferrokinesis: %v (is it installed? run.sh does that)", err)
	}
	return string(found[1])
}

// TestKinesis compares kinesisfake with an emulator that is quick to install.
func TestKinesis(t *testing.T) { compareKinesis(t, "kinesis", fake, kinesisMock) }

// TestKinesisAll compares with one more, which takes minutes to build.
func TestKinesisAll(t *testing.T) { compareKinesis(t, "kinesis-all", fake, kinesisMock, ferrokinesis) }

// compareKinesis runs every case on every emulator. Where one does not do what AWS does, that has to be a listed
// deviation, and a listed one has to occur.
func compareKinesis(t *testing.T, part string, emulators ...emulator) {
	checkDeviations(t)
	e := newEvidence(part, 0)
	e.Input["cases"] = len(kinesisCases)
	table := newKinesisTable()
	for _, em := range emulators {
		versions := em.versions(t)
		c := e.comparison(em.name, versions)
		k := subject{t, kinesisClient(em.start(t)), new(int)}
		cells := table.column(em.name, versions)
		for _, test := range kinesisCases {
			known, listed := deviations[em.name][test.title()]
			saw := known.does
			if saw != notAsked {
				saw = test.observe(k)
				c.count(saw == test.aws)
			}
			if saw != cmp.Or(known.does, test.aws) {
				t.Errorf("%s: %s:\n  does %s\n   AWS %s\n listed %s", em.name, test.title(), saw, test.aws, known.does)
			}
			cells(test, saw, known, listed)
		}
	}
	e.report(t)
	table.write(t, part)
}

// checkDeviations: each is one of a case that exists.
func checkDeviations(t *testing.T) {
	titles := map[string]bool{}
	for _, test := range kinesisCases {
		titles[test.title()] = true
	}
	for emulator, listed := range deviations {
		for title := range listed {
			if !titles[title] {
				t.Errorf("%s: there is no case %s", emulator, title)
			}
		}
	}
}

func kinesisClient(url string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
}

// observe runs a case within a time that no healthy server needs.
func (c kinesisCase) observe(k subject) (saw string) {
	ctx, cancel := context.WithTimeout(k.Context(), time.Minute)
	defer cancel()
	saw, err := c.run(ctx, k)
	if err != nil {
		return errorCode(err)
	}
	return cmp.Or(saw, nothing)
}

// errorCode is the code of an error from the service: what callers tell errors by.
func errorCode(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return never
	}
	return unreadable
}
