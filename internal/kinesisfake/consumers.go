package kinesisfake

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// maxConsumers is how many consumers a stream may have.
const maxConsumers = 20

// consumer is a registered enhanced fan-out consumer.
type consumer struct {
	name, arn     string
	created       time.Time
	ready         time.Time // CREATING before
	gone          time.Time // DELETING before, if not zero
	subscriptions map[*shard]*subscription
}

func (c *consumer) status() string {
	switch {
	case !c.gone.IsZero():
		return deleting
	case time.Now().Before(c.ready):
		return creating
	}
	return active
}

// endSubscriptions ends what the consumer is subscribed to, with the error as the last event.
func (c *consumer) endSubscriptions(err error) {
	for _, sub := range c.subscriptions {
		sub.end(err)
	}
}

// settleConsumers lets go of the consumers whose deletion is over.
func (st *stream) settleConsumers(now time.Time) {
	maps.DeleteFunc(st.consumers, func(_ string, c *consumer) bool { return !c.gone.IsZero() && !now.Before(c.gone) })
}

type consumerSummary struct {
	ConsumerName, ConsumerARN, ConsumerStatus string
	ConsumerCreationTimestamp                 epoch
}

func (c *consumer) summary() consumerSummary {
	return consumerSummary{c.name, c.arn, c.status(), epoch(c.created)}
}

type registerInput struct {
	streamRef
	ConsumerName *string
}

type registerOutput struct{ Consumer consumerSummary }

func (s *Server) registerStreamConsumer(in *registerInput) (any, error) {
	if in.ConsumerName == nil {
		return nil, missing("consumerName")
	}
	if err := checkName(*in.ConsumerName, "consumerName"); err != nil {
		return nil, err
	}
	st, err := s.activeStream(in.streamRef)
	switch {
	case err != nil:
		return nil, err
	case st.consumers[*in.ConsumerName] != nil:
		return nil, inUse("Consumer %s of %v exists already.", *in.ConsumerName, st)
	case len(st.consumers) >= maxConsumers:
		return nil, fail("LimitExceededException", "The %v has its limit of %d consumers.", st, maxConsumers)
	}
	now := time.Now()
	c := &consumer{
		name: *in.ConsumerName, arn: st.arn() + "/consumer/" + *in.ConsumerName + ":" + strconv.FormatInt(now.Unix(), 10),
		created: now, ready: now.Add(s.opts.StatusDelay), subscriptions: map[*shard]*subscription{},
	}
	st.consumers[c.name] = c
	return registerOutput{c.summary()}, nil
}

// consumerRef is how requests name a consumer: by its ARN, or by its name and its stream's ARN.
type consumerRef struct {
	StreamARN    *string
	ConsumerName *string
	ConsumerARN  *string
}

func (s *Server) consumer(ref consumerRef) (*stream, *consumer, error) {
	if ref.ConsumerARN != nil {
		return s.consumerByARN(*ref.ConsumerARN)
	}
	if ref.ConsumerName == nil || ref.StreamARN == nil {
		return nil, nil, invalidArgument("Either ConsumerARN, or both StreamARN and ConsumerName are needed.")
	}
	st, err := s.stream(streamRef{StreamARN: ref.StreamARN})
	if err != nil {
		return nil, nil, err
	}
	c := st.consumers[*ref.ConsumerName]
	if c == nil {
		return nil, nil, notFound("Consumer %.128s of %v not found.", *ref.ConsumerName, st)
	}
	return st, c, nil
}

func (s *Server) consumerByARN(text string) (*stream, *consumer, error) {
	arn, err := parseARN(text)
	switch {
	case err != nil:
		return nil, nil, err
	case arn.consumer == "":
		return nil, nil, invalidArgument("%.300q is not an ARN of a consumer.", text)
	}
	st, err := s.streamNamed(arn.stream)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range st.consumers {
		if c.arn == text {
			return st, c, nil
		}
	}
	return nil, nil, notFound("Consumer %.300s not found under account %s.", text, accountID)
}

type describeConsumerOutput struct {
	ConsumerDescription struct {
		consumerSummary
		StreamARN string
	}
}

func (s *Server) describeStreamConsumer(in *consumerRef) (any, error) {
	st, c, err := s.consumer(*in)
	if err != nil {
		return nil, err
	}
	var out describeConsumerOutput
	out.ConsumerDescription.consumerSummary, out.ConsumerDescription.StreamARN = c.summary(), st.arn()
	return out, nil
}

type deregisterInput struct{ consumerRef }

func (s *Server) deregisterStreamConsumer(in *deregisterInput) (any, error) {
	st, c, err := s.consumer(in.consumerRef)
	if err != nil {
		return nil, err
	}
	if c.gone.IsZero() {
		c.gone = time.Now().Add(s.opts.StatusDelay)
		c.endSubscriptions(notFound("Consumer %s has been deregistered.", c.arn))
		st.settleConsumers(time.Now())
	}
	return nil, nil
}

type listConsumersInput struct {
	streamRef
	MaxResults *int
	NextToken  *string
	createdAt
}

type listConsumersOutput struct {
	Consumers []consumerSummary
	NextToken string `json:",omitempty"`
}

func (s *Server) listStreamConsumers(in *listConsumersInput) (any, error) {
	if err := within(in.MaxResults, 1, 100, "maxResults"); err != nil {
		return nil, err
	}
	st, err := s.streamOf(in.streamRef, in.createdAt)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(st.consumers))
	if in.NextToken != nil {
		f, err := openNextToken(*in.NextToken, "consumers", 2)
		if err != nil {
			return nil, err
		}
		if f[0] != st.name {
			return nil, invalidArgument("NextToken is of another stream.")
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name <= f[1] })
	}
	limit := 100
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	out := listConsumersOutput{Consumers: []consumerSummary{}}
	for _, name := range names[:min(limit, len(names))] {
		out.Consumers = append(out.Consumers, st.consumers[name].summary())
	}
	if len(names) > limit {
		out.NextToken = sealToken("consumers", st.name, names[limit-1])
	}
	return out, nil
}
