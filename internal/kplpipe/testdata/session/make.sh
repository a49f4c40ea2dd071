#!/usr/bin/env bash
# Captures a session of the real KPL: make.sh VERSION JARS NATIVE PORT
# JARS is a folder with the KPL's jars (interop/java/kpl-VERSION/pom.xml), NATIVE its native binary, taken from its jar,
# PORT that of `kplkit local --tls --stream orders:2`. Writes the folder VERSION beside this file.
set -euo pipefail
version=$1 jars=$2 native=$3 port=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
mkdir "$work/out"
case $version in
1.*)
	imports='import software.amazon.awssdk.auth.credentials.*; import software.amazon.kinesis.producer.*;'
	stream_id='p.setStreamId("orders", "id-of-orders");'
	credentials='private static void credentials(KinesisProducerConfiguration c) {
		c.setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("PLACEHOLDER-KEY", "PLACEHOLDER-SECRET")));
		c.setMetricsCredentialsProvider(StaticCredentialsProvider.create(AwsSessionCredentials.create("METRICS-KEY", "METRICS-SECRET", "METRICS-TOKEN")));
	}'
	;;
*)
	imports='import com.amazonaws.auth.*; import com.amazonaws.services.kinesis.producer.*;'
	stream_id=''
	credentials='private static void credentials(KinesisProducerConfiguration c) {
		c.setCredentialsProvider(new AWSStaticCredentialsProvider(new BasicAWSCredentials("PLACEHOLDER-KEY", "PLACEHOLDER-SECRET")));
		c.setMetricsCredentialsProvider(new AWSStaticCredentialsProvider(new BasicSessionCredentials("METRICS-KEY", "METRICS-SECRET", "METRICS-TOKEN")));
	}'
	;;
esac
source=$(cat "$here/Session.java")
source=${source/\/\/ IMPORTS/$imports}
source=${source/STREAM_ID/$stream_id}
echo "${source/\/\/ CREDENTIALS/$credentials}" >"$work/Session.java"
javac -nowarn -encoding UTF-8 -cp "$jars/*" -d "$work" "$work/Session.java"
cp "$here/between.py" "$work" # the wrapper writes certificates beside it
export BETWEEN_OUT=$work/out BETWEEN_NATIVE=$native AWS_EC2_METADATA_DISABLED=true
timeout 120 java -cp "$work:$jars/*" Session "$port" "$work" "$work/between.py"
rm -rf "${here:?}/$version" && mkdir "$here/$version"
cp "$work"/out/{to-child,from-child} "$here/$version"
sed "s#$work/##" "$work/out/arguments" >"$here/$version/arguments"
sed "s#$work/##; 40q" "$work/out/stderr" >"$here/$version/stderr" # the start is enough
rm -rf "$work"
