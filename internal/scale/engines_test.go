package scale

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/metrics"
	vmware "github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

// engine is a kind of workers.
type engine struct {
	name  string
	make  func(*member) worker
	heeds bool // it reads the configuration that it was given while it works
}

var engines = []engine{{"kplkit", kplkit, false}, {"vmware", vmwareAlone, true}}

func kplkit(m *member) worker {
	return vmwarekcl.NewWorker(m.cfg, configOf(m.Host), func(shard string) kclcompat.Processor {
		m.Live()
		return &processor{m.fleet.ledger.begin(m, shard)}
	})
}

// processor checkpoints at the end of each batch.
type processor struct{ *session }

func (p *processor) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		p.owner.Live()
		p.owner.fleet.book.deliver(u.Data)
		c.Done(u)
	}
	_, err := c.Checkpoint(ctx)
	return err
}

func (p *processor) Shutdown(_ context.Context, r kclcompat.Reason, _ *kclcompat.Checkpointer) error {
	p.owner.Live()
	if r == kclcompat.LeaseLost {
		p.lose()
	} else {
		p.end(r == kclcompat.ShardEnded)
	}
	return nil
}

func vmwareAlone(m *member) worker {
	sessions := &sessions{held: map[string][]*session{}}
	m.cfg.WithMonitoringService(sessions)
	client := dynamodb.NewFromConfig(configOf(m.Host))
	return vmware.NewWorker(bareFactory{m, sessions}, m.cfg).
		WithKinesis(kinesis.NewFromConfig(configOf(m.Host))).
		WithCheckpointer(chk.NewDynamoCheckpoint(m.cfg).WithDynamoDB(client))
}

type bareFactory struct {
	*member
	sessions *sessions
}

func (f bareFactory) CreateProcessor() interfaces.IRecordProcessor { return &bareProcessor{from: f} }

// bareProcessor does what processor does, in vmware's terms.
type bareProcessor struct {
	from bareFactory
	*session
}

func (p *bareProcessor) Initialize(in *interfaces.InitializationInput) {
	p.from.Live()
	p.session = p.from.fleet.ledger.begin(p.from.member, in.ShardId)
	p.from.sessions.setUp(in.ShardId, p.session)
}

func (p *bareProcessor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, r := range in.Records {
		p.owner.Live()
		p.owner.fleet.book.deliver(r.Data)
	}
	if n := len(in.Records); n > 0 {
		_ = in.Checkpointer.Checkpoint(in.Records[n-1].SequenceNumber)
	}
}

func (p *bareProcessor) Shutdown(in *interfaces.ShutdownInput) {
	p.owner.Live()
	if in.ShutdownReason == interfaces.TERMINATE {
		_ = in.Checkpointer.Checkpoint(nil)
	}
	p.end(in.ShutdownReason == interfaces.TERMINATE)
}

// sessions hears of the leases that vmware gets and loses: it shuts no record processor down for a lost one, but counts
// it. A worker may get a shard again while it is still giving it back, so the first that was got is the first lost.
type sessions struct {
	metrics.NoopMonitoringService
	mu   sync.Mutex
	held map[string][]*session // by shard; nil for one that is not set up yet
}

func (s *sessions) LeaseGained(shard string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[shard] = append(s.held[shard], nil)
}

func (s *sessions) setUp(shard string, session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[shard][len(s.held[shard])-1] = session
}

// LeaseLost is called at the end of every session. It is a loss unless the record processor was shut down before.
func (s *sessions) LeaseLost(shard string) {
	s.mu.Lock()
	first := s.held[shard][0]
	s.held[shard] = s.held[shard][1:]
	s.mu.Unlock()
	if first != nil {
		first.owner.Live()
		first.lose()
	}
}

// silent is a logger for fleets: errors are expected in them.
type silent struct{}

func (silent) Debugf(string, ...any)                    {}
func (silent) Infof(string, ...any)                     {}
func (silent) Warnf(string, ...any)                     {}
func (silent) Errorf(string, ...any)                    {}
func (silent) Fatalf(format string, _ ...any)           { panic(format) }
func (silent) Panicf(format string, _ ...any)           { panic(format) }
func (s silent) WithFields(logger.Fields) logger.Logger { return s }
