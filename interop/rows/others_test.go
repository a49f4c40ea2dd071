package rows

import "slices"

// others are the releases of KCL 2 and 3 between those that have a part of their own.
var others = []string{"2.2.11", "2.4.8", "3.0.3", "3.1.3", "3.2.1", "3.3.0", "3.4.2"}

// othersRuns are those of a part of a KCL that are enough to see whether others are alike: inside an aggregate, and after a batch.
var othersRuns = []string{"none/after-batch", "none/inside-batch", "sequence-number/inside", "record/inside", "extended/inside"}

func kclOthers() part {
	p := part{name: "kcl-others", kpl: "1.0.7", versions: map[string]string{"Java": javaVersion()}}
	for _, version := range others {
		for _, s := range newKCL(subZero) {
			if slices.Contains(othersRuns, s.id) {
				p.scenarios = append(p.scenarios, s.on(version, kcl(version), map[string]string{"KCL": version}))
			}
		}
	}
	return p
}

// handOver3 is hand-overs between KCL 3 and 2.7, up and down, and within KCL 3.
func handOver3() part {
	const phase = "CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X"
	p := part{
		name: "hand-over-3", kpl: "1.0.7", versions: map[string]string{"Java": javaVersion()},
		scenarios: []scenario{
			handed("extended", exact, "3.5.1", "3.0.3"),
			handed("extended", exact, "3.5.1", "3.4.2"),
			handed("extended", exact, "3.4.2", "3.5.1"),
			inMode(phase+"_PHASE1", "phase-1", handed("extended", exact, "3.5.1", "2.7.2")),
			refusing(inMode(phase, "compatible", handed("extended", behindLost, "3.5.1", "2.7.2")), refusesLease),
		},
	}
	for _, version := range others {
		if version[0] == '3' {
			p.scenarios = append(p.scenarios, handed("extended", exact, version, "2.7.2"), handed("extended", exact, "2.7.2", version))
		}
	}
	return p
}

// inMode lets the first worker share its lease table with KCL 2, in a mode of 3.x.
func inMode(mode, short string, s scenario) scenario {
	s.id = s.id[:len(s.id)-len("extended")] + short
	s.what += ", after " + mode
	s.stops[0].settings = merged(s.stops[0].settings, map[string]string{"ROW_CLIENT_VERSION": mode})
	return s
}
