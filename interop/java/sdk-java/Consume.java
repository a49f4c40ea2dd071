import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * A consumer on the AWS SDK 2 for Java, as its users write one, with the KCL's AggregatorUtil if ROW_SELF is 1.
 *
 * <p>It checkpoints after every user record if ROW_CHECKPOINT is sequence-number, ends at the user record END, and stops
 * hard at the user record ROW_AT. What it does it tells as JSON lines.
 */
final class Consume {
    private static final PrintStream OUT = new PrintStream(System.out, true);

    private Consume() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("--versions")) {
            OUT.printf("{\"Java\":\"%s\",\"AWS SDK\":\"%s\",\"KCL\":\"%s\"}%n",
                    System.getProperty("java.version"), versionOf(KinesisClient.class), versionOf(AggregatorUtil.class));
            return;
        }
        try {
            run();
        } catch (Throwable thrown) { // errors too: the KCL's missing classes are errors
            OUT.printf("{\"error\":\"%s\",\"stopped\":\"error\"}%n", thrown.toString().replace('"', '\''));
            Runtime.getRuntime().halt(1);
        }
    }

    private static void run() throws Exception {
        KinesisClient client = KinesisClient.builder()
                .endpointOverride(URI.create(setting("KINESIS")))
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any")))
                .build();
        String iterator = start(client, setting("STREAM"));
        while (iterator != null) {
            String from = iterator;
            GetRecordsResponse answer = client.getRecords(r -> r.shardIterator(from).limit(Integer.valueOf(setting("MAX"))));
            process(answer.records());
            iterator = answer.nextShardIterator();
            if (answer.records().isEmpty()) {
                Thread.sleep(200); // as a consumer does that is at the tip
            }
        }
    }

    /** The iterator to begin with: behind the checkpoint, if there is one. */
    private static String start(KinesisClient client, String stream) throws IOException {
        String shard = client.listShards(r -> r.streamName(stream)).shards().get(0).shardId();
        GetShardIteratorRequest.Builder from = GetShardIteratorRequest.builder().streamName(stream).shardId(shard);
        if (Files.exists(checkpoint())) {
            from.shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(Files.readString(checkpoint()));
        } else {
            from.shardIteratorType(ShardIteratorType.TRIM_HORIZON);
        }
        return client.getShardIterator(from.build()).shardIterator();
    }

    private static void process(List<Record> batch) throws IOException {
        List<KinesisClientRecord> records = batch.stream().map(KinesisClientRecord::fromRecord).collect(Collectors.toList());
        if (setting("SELF").equals("1")) {
            records = new AggregatorUtil().deaggregate(records);
        }
        for (KinesisClientRecord record : records) {
            process(record);
        }
    }

    private static void process(KinesisClientRecord record) throws IOException {
        byte[] data = bytes(record.data());
        OUT.printf("{\"record\":\"%s\",\"sequence_number\":\"%s\",\"sub_sequence_number\":%d}%n",
                Base64.getEncoder().encodeToString(data), record.sequenceNumber(), record.subSequenceNumber());
        if (setting("CHECKPOINT").equals("sequence-number")) {
            Files.writeString(checkpoint(), record.sequenceNumber());
            OUT.printf("{\"checkpoint\":\"%s\",\"error\":\"\"}%n", record.sequenceNumber());
        }
        String text = new String(data, StandardCharsets.UTF_8);
        if (text.equals("END") || text.equals(setting("AT"))) {
            OUT.printf("{\"stopped\":\"%s\"}%n", text);
            Runtime.getRuntime().halt(0);
        }
    }

    private static byte[] bytes(ByteBuffer data) {
        byte[] bytes = new byte[data.remaining()];
        data.duplicate().get(bytes);
        return bytes;
    }

    private static Path checkpoint() {
        return Path.of(setting("CHECKPOINT_FILE"));
    }

    private static String setting(String name) {
        return System.getenv().getOrDefault("ROW_" + name, "");
    }

    /** The version of the jar that a class comes from, which the file's name tells. */
    private static String versionOf(Class<?> type) {
        String jar = Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath()).getFileName().toString();
        return jar.replaceFirst("\\.jar$", "").split("-(?=\\d)", 2)[1];
    }
}
