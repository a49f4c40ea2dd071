// Package scale has no code of its own: its tests measure fleets of workers, from 16 to 1,000 shards and from 1 to 20
// workers, in virtual time. Each scenario runs twice in the same harness: with vmwarekcl.NewWorker ("kplkit"), and with
// vmware-go-kcl-v2's own worker and checkpointer ("vmware"). What kplkit has to reach is in goals_test.go.
//
//	go test ./internal/scale                                         a short form, a part of the ordinary run
//	go test ./internal/scale -scale.full -v -timeout 3h              everything; prints the tables
//	go test ./internal/scale -scale.full -v -timeout 3h -update      ... and writes them into docs/fleets.md
//	go test ./internal/scale -scale.full -v -run TestScale/outage    one scenario
//
// What is real: the AWS SDK, vmware-go-kcl-v2, the producer, and the rates of Kinesis. The services are embedded, a
// request takes 10 to 20 ms, and the lease table has the capacity that it needs unless a scenario says otherwise. Hosts
// are those of internal/sim.
package scale
