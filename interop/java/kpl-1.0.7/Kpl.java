import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** KPL 1.0.7. */
final class Kpl {
    private final KinesisProducer producer;

    Kpl(int port, boolean aggregate) {
        KinesisProducerConfiguration c = new KinesisProducerConfiguration()
                .setKinesisEndpoint("127.0.0.1").setKinesisPort(port)
                .setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(port)
                .setStsEndpoint("127.0.0.1").setStsPort(port) // any answer will do
                .setVerifyCertificate(false) // it speaks TLS only; ours is signed by nobody
                .setRegion("us-east-1").setMetricsLevel("none").setLogLevel("warning")
                .setAggregationEnabled(aggregate).setAggregationMaxCount(10).setRecordMaxBufferedTime(300);
        c.setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("a", "b")));
        producer = new KinesisProducer(c);
    }

    /** Puts a user record; done is told the shard, the sequence number, the number of attempts and the error. */
    void put(String stream, String key, ByteBuffer data, Consumer<String> done) {
        var result = producer.addUserRecord(stream, key, data);
        result.addListener(() -> {
            try {
                UserRecordResult r = result.get();
                done.accept(r.getShardId() + "\t" + r.getSequenceNumber() + "\t" + r.getAttempts().size() + "\t");
            } catch (ExecutionException failed) {
                done.accept("\t\t0\t" + failed.getCause());
            } catch (InterruptedException impossible) { // it is complete
                throw new AssertionError(impossible);
            }
        }, Runnable::run);
    }
}
