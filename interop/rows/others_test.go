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
