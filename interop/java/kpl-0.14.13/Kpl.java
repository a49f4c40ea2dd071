import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.services.kinesis.producer.KinesisProducer;
import com.amazonaws.services.kinesis.producer.KinesisProducerConfiguration;
import com.amazonaws.services.kinesis.producer.UserRecordResult;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** KPL 0.14.13. */
final class Kpl {
    private final KinesisProducer producer;

    Kpl(int port, boolean aggregate) {
        KinesisProducerConfiguration c = new KinesisProducerConfiguration()
                .setKinesisEndpoint("127.0.0.1").setKinesisPort(port)
                .setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(port)
                .setVerifyCertificate(false) // it speaks TLS only; ours is signed by nobody
                .setRegion("us-east-1").setMetricsLevel("none").setLogLevel("warning")
                .setAggregationEnabled(aggregate).setAggregationMaxCount(10).setRecordMaxBufferedTime(300);
        c.setCredentialsProvider(new AWSStaticCredentialsProvider(new BasicAWSCredentials("a", "b")));
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
