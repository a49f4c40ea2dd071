package vmwarekcl

import (
	"sync"
	"time"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// RemoveLeaseOwner hands the lease back. vmware calls it when the shard's consumer has ended, for whatever reason.
func (lt *leaseTable) RemoveLeaseOwner(shardID string) error {
	var h *holding
	var ended func()
	lt.with(shardID, func(s *shardState) {
		if h = s.current(); h != nil {
			ended = h.ended
		}
	})
	if ended != nil {
		ended()
	}
	mine, gone := false, false
	var f failures
	lt.with(shardID, func(s *shardState) {
		if mine = h != nil && s.current() == h; mine { // else it was handed back meanwhile
			if time.Since(h.began) < lt.failover() && h.base != chk.ShardEnd {
				lt.haveTrouble() // it could not be read, or not be kept
			}
			gone = h.gone
			f, *s = h.failures, shardState{token: h.token, givenBack: time.Now()}
		}
	})
	if !mine {
		return nil
	}
	h.finish()
	if !gone {
		tellLease(lt.trace.LeaseReturned, shardID)
	}
	err := lt.giveBack(shardID, h.token, f)
	lt.look(false)
	return err
}

// handOver removes the owner of a lease that another worker has claimed, once the Processor has ended.
func (lt *leaseTable) handOver(h *holding) {
	var ended func()
	var f failures
	lt.with(h.shardID, func(*shardState) { ended, f = h.ended, h.failures })
	if ended != nil {
		ended()
	}
	if err := lt.giveBack(h.shardID, h.token, f); err != nil {
		lt.cfg.Logger.Debugf("kplkit: shard %s: hand the lease over: %v", h.shardID, err)
	}
}

// releaseAll hands all leases back, side by side, and returns when their Processors have ended. vmware hands none back
// while it sleeps between two readings, or waits for an answer.
func (lt *leaseTable) releaseAll() {
	var consumers sync.WaitGroup
	for _, shardID := range lt.attached() {
		consumers.Go(func() {
			if err := lt.RemoveLeaseOwner(shardID); err != nil {
				lt.cfg.Logger.Debugf("kplkit: shard %s: hand the lease back: %v", shardID, err)
			}
		})
	}
	consumers.Wait()
}

// attached returns the shards that have a Processor.
func (lt *leaseTable) attached() (ids []string) {
	lt.mu.Lock()
	defer lt.mu.Unlock()
	for id, s := range lt.shards {
		if h := s.current(); h != nil && h.ended != nil {
			ids = append(ids, id)
		}
	}
	return ids
}
