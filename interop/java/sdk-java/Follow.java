import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/**
 * A consumer on the AWS SDK 2 for Java, as it comes, that follows a stream through splits and merges.
 *
 * <p>It reads a shard once its parents have ended. Each record is a JSON line on standard output; once a line has come back,
 * the record is taken, and its sequence number is the shard's position in the file POSITIONS. Nothing here knows of a proxy:
 * AWS_ENDPOINT_URL_KINESIS leads there.
 *
 * <p>usage: Follow STREAM POSITIONS
 */
final class Follow {
    private static final String END = "end";
    private static final PrintStream OUT = new PrintStream(System.out, true);
    private static final BufferedReader TAKEN = new BufferedReader(new InputStreamReader(System.in));

    private final KinesisClient client = KinesisClient.create();
    private final Map<String, String> positions = new HashMap<>();
    private final Map<String, String> iterators = new HashMap<>();
    private final String stream;
    private final Path path;

    private Follow(String stream, Path path) throws IOException {
        this.stream = stream;
        this.path = path;
        if (Files.exists(path)) {
            for (String line : Files.readAllLines(path)) {
                positions.put(line.split(" ")[0], line.split(" ")[1]);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Follow f = new Follow(arguments[0], Path.of(arguments[1]));
        while (true) {
            for (Shard shard : f.client.listShards(r -> r.streamName(f.stream)).shards()) {
                if (f.isReadable(shard)) {
                    f.read(shard.shardId());
                }
            }
            Thread.sleep(50);
        }
    }

    private boolean isReadable(Shard shard) {
        return !END.equals(positions.get(shard.shardId()))
                && Stream.of(shard.parentShardId(), shard.adjacentParentShardId())
                        .filter(Objects::nonNull).allMatch(p -> END.equals(positions.get(p)));
    }

    private void read(String shard) throws IOException {
        String iterator = iterators.containsKey(shard) ? iterators.get(shard) : start(shard);
        GetRecordsResponse answer = client.getRecords(r -> r.shardIterator(iterator).limit(100));
        handOver(shard, answer.records());
        iterators.put(shard, answer.nextShardIterator());
        if (answer.nextShardIterator() == null) {
            store(shard, END);
        }
    }

    private String start(String shard) {
        GetShardIteratorRequest.Builder from = GetShardIteratorRequest.builder().streamName(stream).shardId(shard);
        if (positions.containsKey(shard)) {
            from.shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(positions.get(shard));
        } else {
            from.shardIteratorType(ShardIteratorType.TRIM_HORIZON);
        }
        return client.getShardIterator(from.build()).shardIterator();
    }

    private void handOver(String shard, List<Record> records) throws IOException {
        for (Record record : records) {
            OUT.printf("{\"shard\":\"%s\",\"number\":\"%s\",\"data\":\"%s\"}%n", shard, record.sequenceNumber(),
                    Base64.getEncoder().encodeToString(record.data().asByteArray()));
            if (TAKEN.readLine() == null) {
                Runtime.getRuntime().halt(0);
            }
            store(shard, record.sequenceNumber());
        }
    }

    private void store(String shard, String position) throws IOException {
        positions.put(shard, position);
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        Files.write(fresh, positions.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).collect(Collectors.toList()));
        Files.move(fresh, path, StandardCopyOption.REPLACE_EXISTING);
    }
}
