package vmwarekcl

// shardState is what this process knows of a shard's lease. It goes none -> fetched -> held -> lost -> none.
//
// vmware asks GetLease both to acquire a lease, from its event loop and after a FetchCheckpoint, and to renew it, from
// a goroutine of the shard's consumer. A renewal that comes after the lease was lost must not acquire it again: the
// old consumer would go on where it was, behind the back of a new owner. So a lost lease stays lost until the consumer
// has ended, which RemoveLeaseOwner tells.
type shardState struct {
	fetched bool   // the event loop has looked at the checkpoint: the next GetLease may acquire
	token   string // of the acquisition that is held; "" if none is
	lost    bool   // the lease is lost, and its consumer still runs
	release string // the token of a lost lease, to hand it back should the table still have it
	start   string // the shard's first sequence number: a number that any reader can start after

	writes int64  // the number of the last checkpoint under token
	base   string // the Checkpoint attribute as last written or read under token

	cancel func() // ends the context of the Processor that runs under token
	ended  func() // tells it that the worker has let go
}

// state returns the state of a shard. The caller holds c.mu.
func (c *Checkpointer) state(shardID string) *shardState {
	s := c.shards[shardID]
	if s == nil {
		s = &shardState{}
		c.shards[shardID] = s
	}
	return s
}

// with runs f on the state of a shard. f does no I/O.
func (c *Checkpointer) with(shardID string, f func(*shardState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.state(shardID))
}

func (c *Checkpointer) tokenOf(shardID string) (token string) {
	c.with(shardID, func(s *shardState) { token = s.token })
	return token
}

// attach binds a Processor to the acquisition that is held now, whose token it returns.
func (c *Checkpointer) attach(shardID string, cancel, ended func()) (token string) {
	c.with(shardID, func(s *shardState) {
		token, s.cancel, s.ended = s.token, cancel, ended
		if token == "" {
			cancel() // lost already
		}
	})
	return token
}

// lose notes that the lease under token is lost. A late notice about an earlier acquisition changes nothing.
func (c *Checkpointer) lose(shardID, token string) {
	cancel := func() {}
	c.with(shardID, func(s *shardState) {
		if s.token != token || token == "" {
			return
		}
		s.token, s.release, s.lost = "", token, true
		if s.cancel != nil {
			cancel = s.cancel
		}
	})
	cancel()
}

// giveUp lets go of a shard from this side.
func (c *Checkpointer) giveUp(shardID string) { c.lose(shardID, c.tokenOf(shardID)) }
