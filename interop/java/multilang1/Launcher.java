import com.amazonaws.auth.AWSCredentials;
import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClient;
import com.amazonaws.services.kinesis.AmazonKinesisClient;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker;
import com.amazonaws.services.kinesis.metrics.impl.NullMetricsFactory;
import com.amazonaws.services.kinesis.multilang.MultiLangDaemon;
import com.amazonaws.services.kinesis.multilang.MultiLangRecordProcessorFactory;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The MultiLangDaemon of KCL 1.3.0 and 1.4.0. Its properties know no endpoint of DynamoDB, so its worker is made here,
 * with clients that have one; the daemon and its record processor factory are the real ones.
 */
final class Launcher {
    private Launcher() {}

    public static void main(String[] arguments) throws Exception {
        AWSCredentialsProvider anybody = new AWSCredentialsProvider() {
            @Override
            public AWSCredentials getCredentials() {
                return new BasicAWSCredentials("a", "b");
            }

            @Override
            public void refresh() {}
        };
        AmazonKinesisClient kinesis = new AmazonKinesisClient(anybody);
        kinesis.setEndpoint(Contract.KINESIS);
        AmazonDynamoDBClient dynamodb = new AmazonDynamoDBClient(anybody);
        dynamodb.setEndpoint(Contract.DYNAMODB);
        // No withRegionName: it would lead the clients back to the real service.
        KinesisClientLibConfiguration settings = new KinesisClientLibConfiguration(
                        Contract.APPLICATION, Contract.STREAM, anybody, Contract.WORKER)
                .withInitialPositionInStream(InitialPositionInStream.valueOf(Contract.POSITION))
                .withMaxRecords(Contract.MAX)
                .withFailoverTimeMillis(5000) // no less: on a busy machine the lease would be lost before the stop
                .withIdleTimeBetweenReadsInMillis(200)
                .withShardSyncIntervalMillis(1000)
                .withCleanupLeasesUponShardCompletion(false);
        ExecutorService threads = Executors.newCachedThreadPool();
        MultiLangRecordProcessorFactory factory = new MultiLangRecordProcessorFactory(new Relay().command(), threads);
        Worker worker = new Worker(factory, settings, kinesis, dynamodb, new NullMetricsFactory(), threads);
        System.exit(new MultiLangDaemon(worker).call());
    }
}
