package main

import (
	"context"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	vmwarelog "github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/vmwarekcl"
)

func runVMware(s settings) error { return work(worker.NewWorker(factory{s}, s.vmware())) }

func runVMwareOnKplkit(s settings) error {
	return work(vmwarekcl.NewWorker(s.vmware(), s.aws(), func(string) kclcompat.Processor {
		return &processorOnKplkit{s}
	}))
}

func work(w interface{ Start() error }) error {
	if err := w.Start(); err != nil {
		return err
	}
	select {} // a processor ends the program
}

// vmware is a configuration that finds shards and takes over leases within seconds. What it logs goes to stderr.
func (s settings) vmware() *config.KinesisClientLibConfiguration {
	credentials := s.aws().Credentials
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	cfg := config.NewKinesisClientLibConfigWithCredentials(s.application, s.stream, "us-east-1", s.worker, credentials, credentials).
		WithKinesisEndpoint(s.kinesis).WithDynamoDBEndpoint(s.dynamoDB).WithLogger(vmwarelog.NewLogrusLogger(log)).
		WithInitialPositionInStream(config.TRIM_HORIZON).WithShardSyncIntervalMillis(500).WithIdleTimeBetweenReadsInMillis(200).
		WithFailoverTimeMillis(3000).WithLeaseRefreshWaitTime(1000)
	cfg.MaxRecords = int(s.max)
	return cfg
}

type factory struct{ settings }

func (f factory) CreateProcessor() interfaces.IRecordProcessor { return processor(f) }

type processor struct{ settings }

func (processor) Initialize(*interfaces.InitializationInput) {}

func (p processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	for _, r := range in.Records {
		p.handed(r.Data, *r.SequenceNumber)
		if p.checkpoints {
			p.stored(*r.SequenceNumber, in.Checkpointer.Checkpoint(r.SequenceNumber))
		}
		p.stopAt(r.Data)
	}
}

func (processor) Shutdown(*interfaces.ShutdownInput) {}

type processorOnKplkit struct{ settings }

func (p *processorOnKplkit) ProcessRecords(ctx context.Context, b kclcompat.Batch, c *kclcompat.Checkpointer) error {
	for _, u := range b.Records {
		p.handed(u.Data, fmt.Sprintf("%s:%d", u.SequenceNumber, u.SubSequenceNumber))
		c.Done(u)
		if p.checkpoints {
			result, err := c.Checkpoint(ctx)
			p.stored(result.Written.String(), err)
			if err != nil {
				return err
			}
		}
		p.stopAt(u.Data)
	}
	return nil
}

func (*processorOnKplkit) Shutdown(context.Context, kclcompat.Reason, *kclcompat.Checkpointer) error {
	return nil
}
