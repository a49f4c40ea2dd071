#!/usr/bin/env bash
# Runs the real KCL, peers and emulators against kplkit, installed at pinned versions into interop/.cache.
#
#   interop/run.sh [--evidence] [part…]
#
# Without a part: the quick ones. --evidence writes what was found to interop/evidence.
#
# Exit code: 0 all parts ran and agree, 1 one differs, 2 no such part, 3 one was not run: what to install is named.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
cache=$PWD/.cache
ferrokinesis=0.7.0

all='decoders aggregatorutil dynamodb kinesis kinesis-all'
quick='decoders aggregatorutil dynamodb kinesis'

# part NAME: the tools that it needs, what has to be installed, and its test.
part() {
	case $1 in
	decoders) tools='java javac mvn node npm python3' installs='kcl1 kcl2 python node awslabs' test=TestDecoders ;;
	aggregatorutil) tools='java javac mvn' installs='kcl1 kcl2' test=TestAggregatorUtil ;;
	dynamodb) tools='node npm' installs='dynalite' test=TestDynamoDB ;;
	kinesis) tools='node npm' installs='kinesis-mock' test=TestKinesis ;;
	kinesis-all) tools='node npm cargo' installs='kinesis-mock ferrokinesis' test=TestKinesisAll ;;
	*) return 1 ;;
	esac
}

# remedy TOOL: what to install where it is missing.
remedy() {
	case $1 in
	java | javac) echo 'a JDK, 11 or newer' ;;
	mvn) echo 'Maven 3' ;;
	node | npm) echo 'Node.js 18 or newer with npm' ;;
	python3) echo 'Python 3.9 or newer with venv' ;;
	cargo) echo 'Rust with cargo, 1.85 or newer' ;;
	go) echo 'Go 1.26' ;;
	esac
}

install_kcl1() { java_peer kcl1; }
install_kcl2() { java_peer kcl2; }

# jars NAME: those that its pom names.
jars() { mvn -q -B -f "java/$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/$1/lib"; }

# java_peer NAME: its jars and its program.
java_peer() {
	jars "$1" &&
		javac -nowarn -cp "$cache/$1/lib/*" -d "$cache/$1/classes" java/Exchange.java java/"$1"/*.java
}

install_python() {
	python3 -m venv "$cache/python" &&
		"$cache/python/bin/pip" install -q --disable-pip-version-check -r python/requirements.txt
}

install_node() { npm_peer node; }
install_dynalite() { npm_peer dynalite; }
install_kinesis_mock() { npm_peer kinesis-mock; }

# npm_peer NAME: what its lock file names.
npm_peer() {
	mkdir -p "$cache/$1" && cp "$1"/* "$cache/$1" && (cd "$cache/$1" && npm ci --silent --ignore-scripts)
}

install_ferrokinesis() { cargo install ferrokinesis --version "$ferrokinesis" --locked --root "$cache/ferrokinesis"; }

install_awslabs() { go build -o "$cache/awslabs/" ./awslabs; }

# source_of NAME: what decides what an installation is.
source_of() {
	case $1 in
	ferrokinesis) echo "$ferrokinesis" ;;
	kcl*) cat java/Exchange.java java/"$1"/* ;;
	awslabs) cat go.mod go.sum awslabs/* ;;
	*) cat "$1"/* ;;
	esac
}

# installed NAME: installs it, unless it stands there from the same sources.
installed() {
	local stamp
	stamp=$(source_of "$1" | cksum)
	[ "$(cat "$cache/$1/stamp" 2>/dev/null)" = "$stamp" ] && return
	echo "installing $1"
	rm -rf "${cache:?}/$1" && mkdir -p "$cache"
	if "install_${1//-/_}" >"$cache/log" 2>&1; then
		echo "$stamp" >"$cache/$1/stamp"
	else
		cat "$cache/log"
		return 1
	fi
}

# ready PART: its tools are there and all is installed; else says what is missing.
ready() {
	local tool name missing=''
	for tool in go $tools; do
		command -v "$tool" >/dev/null || missing+="$tool is missing: install $(remedy "$tool")"$'\n'
	done
	if [ -n "$missing" ]; then
		printf '%s' "$missing"
		return 1
	fi
	for name in $installs; do
		installed "$name" || { echo "$name could not be installed"; return 1; }
	done
}

# agrees: the part's test has run and passed. A name that matches no test, or a skip, is no pass.
agrees() {
	go test -count=1 -v -run "^$test\$" . ${evidence[@]+"${evidence[@]}"} | tee "$cache/log"
	[ "${PIPESTATUS[0]}" = 0 ] && grep -q "^--- PASS: $test " "$cache/log"
}

evidence=()
[ "${1:-}" = --evidence ] && { evidence=(-evidence evidence); shift; }
parts=${*:-$quick}
for name in $parts; do
	part "$name" || { echo "interop/run.sh: no part $name; there are: $all" >&2; exit 2; }
done

ran='' differ='' not_run=''
for name in $parts; do
	printf '\n== %s (%ss)\n' "$name" "$SECONDS"
	part "$name"
	if ! ready "$name"; then
		not_run+=" $name"
	elif agrees; then
		ran+=" $name"
	else
		differ+=" $name"
	fi
done

printf '\nagree:%s\ndiffer:%s\nnot run:%s\n%ss\n' "${ran:- none}" "${differ:- none}" "${not_run:- none}" "$SECONDS"
[ -z "$differ" ] || exit 1
[ -z "$not_run" ] || exit 3
