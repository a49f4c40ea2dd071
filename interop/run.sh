#!/usr/bin/env bash
# Runs the real KCL, peers and emulators against kplkit, installed at pinned versions into interop/.cache.
#
#   interop/run.sh [--evidence] [--compare] [part…]
#
# Without a part: the quick ones. rows: all the rows of the usage matrix, which run beside each other. --evidence writes
# what was found to interop/evidence, and what the rows found to matrix/evidence. --compare fails where what the rows find
# differs from matrix/evidence. mutations: runs with something changed that the rows have to notice.
#
# Exit code: 0 all parts ran and agree, 1 one differs, 2 no such part, 3 one was not run: what to install is named.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
cache=$PWD/.cache
mkdir -p "$cache"
ferrokinesis=0.7.0
telegraf=v1.37.2
bento=v1.20.0

# Where Debian keeps the servers that no user starts.
export PATH=$PATH:/usr/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)

# What they download stays here, too.
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip

quick='mutations decoders aggregatorutil dynamodb kinesis cbor daemon-quick proxy-quick'
rows='kcl-1.3.0 kcl-1.4.0 kcl-1.14.10 kcl-2.7.2 kcl-3.5.1 kcl-others hand-over hand-over-3 reshard reshard-ages reshard-daemon row-1'
rows+=' multilang-1.3.0 multilang-1.4.0 multilang-1.14.10 multilang-2.7.2 multilang-3.1.3 multilang-libraries'
rows+=' multilang-kplkit-1.3.0 multilang-kplkit-1.4.0 multilang-kplkit-1.14.10 multilang-kplkit-2.7.2 multilang-kplkit-3.1.3'
rows+=' sdk-java sdk-python sdk-node sdk-go sdk-go-kplkit vmware vmware-kplkit harlow harlow-kplkit lambda-kplkit'
all="$quick kinesis-all daemon kills stores proxy multilang-start $rows"

java_row='java javac mvn node npm'
others='kcl-2.2.11 kcl-2.4.8 kcl-3.0.3 kcl-3.1.3 kcl-3.2.1 kcl-3.3.0 kcl-3.4.2'

# part NAME: the tools that it needs, what has to be installed, and its test.
part() {
	[[ " $all " = *" $1 "* ]] || return
	case $1 in
	mutations) tools='' installs='' test=TestHarness ;;
	decoders) tools='java javac mvn node npm python3' installs='kcl1 kcl2 python node awslabs' test=TestDecoders ;;
	aggregatorutil) tools='java javac mvn' installs='kcl1 kcl2 kcl3' test=TestAggregatorUtil ;;
	dynamodb) tools='node npm' installs='dynalite' test=TestDynamoDB ;;
	kinesis) tools='node npm' installs='kinesis-mock' test=TestKinesis ;;
	cbor) tools='java javac mvn node npm' installs='kinesis-mock sdk-java' test=TestCBOR ;;
	proxy-quick) tools='java javac mvn node npm python3' installs='kinesis-mock python node sdk-java' test=TestProxyQuick ;;
	proxy) tools='java javac mvn node npm python3' installs='kinesis-mock python node sdk-java telegraf bento' test=TestProxy ;;
	daemon-quick) tools='java javac mvn' installs='kpl-1.0.7 kcl2' test=TestDaemonQuick ;;
	daemon) tools='java javac mvn' installs='kpl-1.0.7 kpl-0.14.13 kcl2' test=TestDaemon ;;
	kills) tools='java javac mvn python3 node' installs='kpl-1.0.7 kpl-0.14.13 kcl2' test=TestKills ;;
	stores) tools='initdb postgres psql mariadbd mariadb-install-db mariadb' installs='stores' test=TestStores ;;
	kcl-[23].*) tools="$java_row" installs="dynalite kpl-1.0.7 jaxb $1" test=TestRows/$1 ;;
	kcl-1.*) tools="$java_row" installs="dynalite kpl-0.14.13 $1" test=TestRows/$1 ;;
	multilang-libraries) tools="$java_row python3" installs='dynalite kpl-1.0.7 python multilang-2.7.2 multilang-node multilang-python' test=TestRows/$1 ;;
	multilang-start) tools="$java_row python3" installs='dynalite row' test=TestStart ;;
	multilang-kplkit-1.*) tools="$java_row python3" installs="dynalite kpl-0.14.13 row kcl-${1##*-} multilang-${1##*-}" test=TestRows/$1 ;;
	multilang-kplkit-*) tools="$java_row python3" installs="dynalite kpl-1.0.7 row multilang-${1##*-}" test=TestRows/$1 ;;
	multilang-1.*) tools="$java_row python3" installs="dynalite kpl-0.14.13 kcl-${1#*-} $1" test=TestRows/$1 ;;
	multilang-*) tools="$java_row python3" installs="dynalite kpl-1.0.7 $1" test=TestRows/$1 ;;
	sdk-java) tools="$java_row" installs='dynalite kpl-1.0.7 jaxb sdk-java' test=TestRows/$1 ;;
	sdk-python) tools="$java_row python3" installs='dynalite kpl-1.0.7 python' test=TestRows/$1 ;;
	sdk-node) tools="$java_row" installs='dynalite kpl-1.0.7 node' test=TestRows/$1 ;;
	sdk-go* | vmware* | harlow* | lambda-kplkit) tools="$java_row" installs='dynalite kpl-1.0.7 row' test=TestRows/$1 ;;
	kcl-others) tools="$java_row" installs="dynalite kpl-1.0.7 $others" test=TestRows/$1 ;;
	hand-over-3) tools="$java_row" installs="dynalite kpl-1.0.7 kcl-2.7.2 kcl-3.5.1 ${others#* * }" test=TestRows/$1 ;;
	hand-over) tools="$java_row" installs='dynalite kpl-0.14.13 kcl-1.3.0 kcl-1.4.0 kcl-1.14.10 kcl-2.7.2 kcl-3.5.1' test=TestRows/$1 ;;
	reshard) tools="$java_row" installs='dynalite kpl-0.14.13 kpl-1.0.7 kcl-1.14.10 kcl-2.7.2 kcl-3.5.1' test=TestRows/$1 ;;
	reshard-ages) tools="$java_row" installs='dynalite kpl-0.14.13 kpl-1.0.7 kcl-1.14.10 kcl-2.7.2 kcl-3.5.1' test=TestRows/$1 ;;
	reshard-daemon) tools="$java_row" installs='dynalite kpl-0.14.13 kpl-1.0.7 kcl-2.7.2' test=TestRows/$1 ;;
	row-1) tools="$java_row python3" installs='dynalite python kcl-2.7.2 kcl-3.5.1' test=TestRows/$1 ;;
	kinesis-all) tools='node npm cargo' installs='kinesis-mock ferrokinesis' test=TestKinesisAll ;;
	esac
}

# remedy TOOL: what to install where it is missing.
remedy() {
	case $1 in
	java | javac) echo 'a JDK, 11 or newer' ;;
	mvn) echo 'Maven 3' ;;
	node | npm) echo 'Node.js 18 or newer with npm' ;;
	python3) echo 'Python 3.9 or newer with venv' ;;
	initdb | postgres | psql) echo "PostgreSQL (Debian's package postgresql)" ;;
	mariadbd | mariadb-install-db | mariadb) echo "MariaDB (Debian's package mariadb-server)" ;;
	cargo) echo 'Rust with cargo, 1.85 or newer' ;;
	go) echo 'Go 1.26' ;;
	esac
}

# install NAME: into the folder of its name.
install() {
	case $1 in
	kcl1 | kcl2) java_program "$1" java/Exchange.java java/"$1" ;;
	kcl3) java_program "$1" java/Exchange.java java/kcl2 ;;
	kcl-1.*) java_program "$1" java/worker java/worker1 ;;
	kcl-*) java_program "$1" java/worker java/worker2 ;;
	kpl-*) java_program "$1" java/kpl java/"$1" ;;
	multilang-node) npm_peer "$1" ;;
	multilang-python) kclpy ;;
	multilang-1.[34].*) java_classes "$1" "kcl-${1#*-}" java/worker java/multilang1 java/multilang/Relay.java ;;
	multilang-1.*) java_classes "$1" '' java/worker java/multilang ;;
	multilang-*) java_program "$1" java/worker java/multilang ;;
	sdk-java) java_program "$1" java/"$1" ;;
	jaxb) jars "$1" ;;
	row) (cd .. && go build -o "$cache/$1/" ./cmd/kplkit) && (cd consumers && go build -o "$cache/$1/" "./$1") ;;
	stores) (cd consumers && go build -o "$cache/$1/" "./$1") ;;
	python) python_peer ;;
	node | dynalite | kinesis-mock) npm_peer "$1" ;;
	ferrokinesis) cargo install ferrokinesis --version "$ferrokinesis" --locked --root "$cache/ferrokinesis" ;;
	telegraf) GOBIN=$cache/telegraf go install -tags "$telegraf_parts" "github.com/influxdata/telegraf/cmd/telegraf@$telegraf" ;;
	bento) bento_program ;;
	awslabs) go build -o "$cache/awslabs/" ./awslabs ;;
	esac
}

# jars NAME: those that its pom names.
jars() { mvn -q -B -Dmaven.repo.local="$cache/maven" -f "java/$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/$1/lib"; }

# java_program NAME SOURCE…: its jars and its program, from files and folders.
java_program() {
	local name=$1
	shift
	jars "$name" && java_classes "$name" "$name" "$@"
}

# java_classes NAME JARS SOURCE…: its program, from files and folders, on the jars of JARS.
java_classes() {
	local name=$1 jars=$2
	shift 2
	find "$@" -name '*.java' -exec javac -nowarn -cp "$cache/$jars/lib/*" -d "$cache/$name/classes" {} +
}

python_peer() {
	python3 -m venv "$cache/python" &&
		"$cache/python/bin/pip" install -q --disable-pip-version-check -r python/requirements.txt
}

# kclpy: AWS's library by itself, out of its source package: to install that would fetch the daemon's jars, of another version.
kclpy() {
	local to=$cache/multilang-python
	"$cache/python/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary :all: -r multilang-python/requirements.txt -d "$to" &&
		tar -xzf "$to"/*.tar.gz -C "$to" --strip-components=1 && cp multilang-python/child.py python/multilang_child.py "$to"
}

# Telegraf is built with the parts that are used, in its own way, and nothing in it is changed.
telegraf_parts=custom,inputs.kinesis_consumer,outputs.http,parsers.value,serializers.json

# bento_program: out of its source, which is a Go module, with the components that are used.
bento_program() {
	local source=$cache/bento/source module
	module=$(go mod download -json "github.com/warpstreamlabs/bento@$bento" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') && [ -n "$module" ] &&
		mkdir -p "$cache/bento" && cp -r "$module" "$source" && chmod -R u+w "$source" &&
		mkdir -p "$source/cmd/kplkit" && cp bento/main.go "$source/cmd/kplkit" &&
		(cd "$source" && go build -o "$cache/bento/bento" ./cmd/kplkit/main.go) && rm -rf "$source" && echo "$bento" >"$cache/bento/version"
}

# npm_peer NAME: what its lock file names.
npm_peer() {
	mkdir -p "$cache/$1" && cp "$1"/* "$cache/$1" && (cd "$cache/$1" && npm ci --silent --ignore-scripts)
}

# source_of NAME: what decides what an installation is.
source_of() {
	case $1 in
	ferrokinesis) echo "$ferrokinesis" ;;
	telegraf) echo "$telegraf $telegraf_parts" ;;
	bento) echo "$bento" && cat bento/* ;;
	kcl1 | kcl2) cat java/Exchange.java java/"$1"/* ;;
	kcl3) cat java/Exchange.java java/kcl2/* java/kcl3/* ;;
	kcl-1.*) cat java/"$1"/* java/worker/* java/worker1/* ;;
	kcl-*) cat java/"$1"/* java/worker/* java/worker2/* ;;
	kpl-*) cat java/"$1"/* java/kpl/* ;;
	multilang-node) cat "$1"/* ;;
	multilang-python) cat "$1"/* python/multilang_child.py ;;
	multilang-1.[34].*) cat java/worker/* java/multilang1/* java/multilang/Relay.java "java/kcl-${1#*-}/pom.xml" ;;
	multilang-1.*) cat java/worker/* java/multilang/* ;;
	multilang-*) cat java/"$1"/* java/worker/* java/multilang/* ;;
	jaxb | sdk-java) cat java/"$1"/* ;;
	row | stores) echo "$RANDOM" ;; # kplkit is in it, too: go build knows what is new
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
	if install "$1" >"$cache/log" 2>&1; then
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

# agrees PATTERN PACKAGE FLAG…: the tests that match have passed. Which ones, the log tells.
agrees() {
	local pattern=$1 package=$2
	shift 2
	go test -count=1 -timeout 60m -v -run "$pattern" "$package" "$@" | tee "$cache/log"
	return "${PIPESTATUS[0]}"
}

# passed TEST: it has run and passed. A name that matches no test, or a skip, is no pass.
passed() { grep -qF -- "--- PASS: $1 (" "$cache/log"; }

evidence='' row_evidence='' named=''
for name in "$@"; do
	case $name in
	--evidence) evidence='-evidence=evidence' row_evidence+=' -evidence=../../matrix/evidence' ;;
	--compare) row_evidence+=' -compare=../../matrix/evidence' ;;
	rows) named+=" $rows" ;;
	*) named+=" $name" ;;
	esac
done
parts=${named:-" $quick"}
for name in $parts; do
	part "$name" || { echo "interop/run.sh: no part $name; there are: $all, and rows for all the rows" >&2; exit 2; }
done

ran='' differ='' not_run='' chosen=''
for name in $parts; do
	printf '\n== %s (%ss)\n' "$name" "$SECONDS"
	part "$name"
	if ! ready "$name"; then
		not_run+=" $name"
	elif [[ $test = TestRows/* ]]; then
		chosen+=" $name"
	elif [ "$name" = mutations ]; then
		if agrees "^($test|TestCommitted)\$" ./rows && passed "$test" && passed TestCommitted; then ran+=" $name"; else differ+=" $name"; fi
	elif [ "$name" = multilang-start ]; then
		if agrees "^$test\$" ./rows -parallel 4 && passed "$test"; then ran+=" $name"; else differ+=" $name"; fi
	elif [[ $name = proxy* ]]; then # whose clients mostly wait; what it finds is evidence of the matrix
		if agrees "^$test\$" . -parallel 4 ${evidence:+-evidence=../matrix/evidence} && passed "$test"; then ran+=" $name"; else differ+=" $name"; fi
	elif agrees "^$test\$" . $evidence && passed "$test"; then
		ran+=" $name"
	else
		differ+=" $name"
	fi
done
if [ -n "$chosen" ]; then # all in one, since workers mostly sleep
	printf '\n== rows:%s (%ss)\n' "$chosen" "$SECONDS"
	pattern=$(echo $chosen | sed 's/\./\\./g; s/ /|/g')
	agrees "^TestRows\$/^($pattern)\$" ./rows -parallel 8 $row_evidence
	for name in $chosen; do
		if passed "TestRows/$name"; then ran+=" $name"; else differ+=" $name"; fi
	done
fi

printf '\nagree:%s\ndiffer:%s\nnot run:%s\n%ss\n' "${ran:- none}" "${differ:- none}" "${not_run:- none}" "$SECONDS"
[ -z "$differ" ] || exit 1
[ -z "$not_run" ] || exit 3
