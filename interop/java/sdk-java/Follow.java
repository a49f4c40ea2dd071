import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * A consumer on the AWS SDK 2 for Java, as it comes, that follows a stream through splits and merges.
 *
 * <p>It reads a shard once its parents have ended, by GetRecords, or by SubscribeToShard, for which the SDK has Netty and HTTP/2,
 * if it is told a CONSUMER. Each record is a JSON line on standard output; once a line has come back,
 * the record is taken, and its sequence number is the shard's position in the file POSITIONS. Nothing here knows of a proxy:
 * AWS_ENDPOINT_URL_KINESIS leads there.
 *
 * <p>usage: Follow STREAM POSITIONS [CONSUMER]
 */
final class Follow {
    private static final String END = "end";
    private static final PrintStream OUT = new PrintStream(System.out, true);
    private static final BufferedReader TAKEN = new BufferedReader(new InputStreamReader(System.in));

    private final KinesisClient client = KinesisClient.create();
    private final Map<String, String> positions = new HashMap<>();
    private final Map<String, String> iterators = new HashMap<>();
    private final Set<String> begun = new HashSet<>();
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
                if (!f.isReadable(shard)) {
                    continue;
                }
                if (arguments.length == 2) {
                    f.read(shard.shardId());
                } else if (f.begun.add(shard.shardId())) {
                    new Thread(() -> f.subscribe(shard.shardId(), arguments[2])).start();
                }
            }
            Thread.sleep(50);
        }
    }

    private synchronized boolean isReadable(Shard shard) {
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

    /** Subscribes until the shard ends. An empty answer in the queue is the end of a subscription. */
    private void subscribe(String shard, String consumer) {
        try (KinesisAsyncClient async = KinesisAsyncClient.create()) {
            String from = positions.get(shard);
            for (boolean ended = false; !ended;) {
                BlockingQueue<Optional<SubscribeToShardEvent>> events = new LinkedBlockingQueue<>();
                StartingPosition at = from == null ? StartingPosition.builder().type(ShardIteratorType.TRIM_HORIZON).build()
                        : StartingPosition.builder().type(ShardIteratorType.AFTER_SEQUENCE_NUMBER).sequenceNumber(from).build();
                CompletableFuture<Void> done = async.subscribeToShard(r -> r.consumerARN(consumer).shardId(shard).startingPosition(at),
                        SubscribeToShardResponseHandler.builder().subscriber(SubscribeToShardResponseHandler.Visitor.builder()
                                .onSubscribeToShardEvent(event -> events.add(Optional.of(event))).build()).build());
                done.whenComplete((nothing, failure) -> events.add(Optional.empty()));
                for (Optional<SubscribeToShardEvent> event = events.take(); event.isPresent(); event = events.take()) {
                    handOver(shard, event.get().records());
                    from = event.get().continuationSequenceNumber() == null ? from : event.get().continuationSequenceNumber();
                    ended = event.get().hasChildShards() && !event.get().childShards().isEmpty();
                }
                try {
                    done.join();
                } catch (CompletionException e) {
                    if (!(e.getCause() instanceof ResourceInUseException)) { // the process before is still subscribed
                        throw e;
                    }
                    Thread.sleep(200);
                }
            }
            store(shard, END);
        } catch (Exception e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private synchronized void handOver(String shard, List<Record> records) throws IOException {
        for (Record record : records) {
            OUT.printf("{\"shard\":\"%s\",\"number\":\"%s\",\"data\":\"%s\"}%n", shard, record.sequenceNumber(),
                    Base64.getEncoder().encodeToString(record.data().asByteArray()));
            if (TAKEN.readLine() == null) {
                Runtime.getRuntime().halt(0);
            }
            store(shard, record.sequenceNumber());
        }
    }

    private synchronized void store(String shard, String position) throws IOException {
        positions.put(shard, position);
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        Files.write(fresh, positions.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).collect(Collectors.toList()));
        Files.move(fresh, path, StandardCopyOption.REPLACE_EXISTING);
    }
}
