import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.concurrent.ExecutionException;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * Says to a Kinesis what a reader says, with the AWS SDK 2 for Java as it comes: CBOR. It puts three records, reads them
 * from every kind of position, and prints a line for each record that it reads: its number, then key, data (both
 * base64) and time of arrival.
 */
final class Wire {
    private static final String STREAM = "wire";
    private static final String SHARD = "shardId-000000000000";

    private Wire() {}

    public static void main(String[] arguments) throws Exception {
        StaticCredentialsProvider any = StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any"));
        URI endpoint = URI.create(arguments[0]);
        KinesisClient client = KinesisClient.builder()
                .endpointOverride(endpoint).region(Region.US_EAST_1).credentialsProvider(any).build();
        client.createStream(r -> r.streamName(STREAM).shardCount(1));
        while (!"ACTIVE".equals(status(client))) {
            Thread.sleep(100);
        }
        String number = client.putRecord(r -> r.streamName(STREAM).partitionKey("user-1").data(SdkBytes.fromUtf8String("Hello")))
                .sequenceNumber();
        client.putRecords(r -> r.streamName(STREAM).records(entry("\u00fc\ud83d\ude00\"", new byte[0]), entry("k".repeat(256), new byte[300])));
        GetShardIteratorRequest.Builder from = GetShardIteratorRequest.builder().streamName(STREAM).shardId(SHARD);
        read(client, from.shardIteratorType(ShardIteratorType.TRIM_HORIZON).build());
        read(client, from.shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(number).build());
        read(client, from.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).startingSequenceNumber(null)
                .timestamp(Instant.ofEpochMilli(1_700_000_000_123L)).build());
        subscribe(KinesisAsyncClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1).credentialsProvider(any).build());
        System.exit(0); // Netty's threads would keep it
    }

    private static String status(KinesisClient client) {
        return client.describeStreamSummary(r -> r.streamName(STREAM)).streamDescriptionSummary().streamStatusAsString();
    }

    private static PutRecordsRequestEntry entry(String key, byte[] data) {
        return PutRecordsRequestEntry.builder().partitionKey(key).data(SdkBytes.fromByteArray(data)).build();
    }

    private static void read(KinesisClient client, GetShardIteratorRequest from) {
        String iterator = client.getShardIterator(from).shardIterator();
        GetRecordsResponse answer = client.getRecords(r -> r.shardIterator(iterator).limit(1000));
        for (Record r : answer.records()) {
            System.out.println(r.sequenceNumber() + " "
                    + Base64.getEncoder().encodeToString(r.partitionKey().getBytes(StandardCharsets.UTF_8)) + " "
                    + Base64.getEncoder().encodeToString(r.data().asByteArray()) + " " + r.approximateArrivalTimestamp().toEpochMilli());
        }
        System.out.println("next " + answer.nextShardIterator());
    }

    /** Its answer is an error; what counts is how it asks. */
    private static void subscribe(KinesisAsyncClient client) throws InterruptedException {
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder().subscriber(event -> {}).onError(e -> {}).build();
        try {
            client.subscribeToShard(r -> r.consumerARN("arn:aws:kinesis:us-east-1:000000000000:stream/wire/consumer/c:1").shardId(SHARD)
                    .startingPosition(p -> p.type(ShardIteratorType.AT_TIMESTAMP).timestamp(Instant.ofEpochMilli(1_700_000_000_123L))), handler).get();
        } catch (ExecutionException e) {
            System.out.println("refused");
        }
    }
}
