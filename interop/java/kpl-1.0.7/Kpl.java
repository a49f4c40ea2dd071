import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.Attempt;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordFailedException;
import software.amazon.kinesis.producer.UserRecordResult;
import java.nio.ByteBuffer;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** KPL 1.0.7. */
final class Kpl {
    private final KinesisProducer producer;

    /** Settings are named as the setters of its configuration; it puts to this machine, whichever they are. */
    Kpl(Properties settings) {
        KinesisProducerConfiguration c = KinesisProducerConfiguration.fromProperties(settings)
                .setKinesisEndpoint("127.0.0.1").setCloudwatchEndpoint("127.0.0.1")
                .setRegion("us-east-1").setMetricsLevel("none").setLogLevel("warning");
        c.setStsEndpoint("127.0.0.1").setStsPort(c.getKinesisPort()); // any answer will do
        c.setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("a", "b")));
        producer = new KinesisProducer(c);
    }

    /**
     * Puts a user record, whose explicit hash key may be null; done is told the shard, the sequence number, the number
     * of attempts and the error.
     */
    void put(String stream, String key, String explicitHashKey, ByteBuffer data, Consumer<String> done) {
        var result = producer.addUserRecord(stream, key, explicitHashKey, data);
        result.addListener(() -> {
            try {
                UserRecordResult r = result.get();
                done.accept(r.getShardId() + "\t" + r.getSequenceNumber() + "\t" + r.getAttempts().size() + "\t");
            } catch (ExecutionException failed) {
                done.accept("\t\t0\t" + why(failed.getCause()));
            } catch (InterruptedException impossible) { // it is complete
                throw new AssertionError(impossible);
            }
        }, Runnable::run);
    }

    private static String why(Throwable cause) {
        if (cause instanceof UserRecordFailedException) {
            var attempts = ((UserRecordFailedException) cause).getResult().getAttempts();
            if (!attempts.isEmpty()) {
                Attempt last = attempts.get(attempts.size() - 1);
                return last.getErrorCode() + ": " + last.getErrorMessage();
            }
        }
        return String.valueOf(cause);
    }

    /** Waits until all that was put has its result. */
    void flush() {
        producer.flushSync();
    }

    /** Ends it, and its native process. */
    void destroy() {
        producer.destroy();
    }
}
