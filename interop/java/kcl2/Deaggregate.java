import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.stream.Collectors;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** De-aggregates with AggregatorUtil of KCL 2.x and 3.x. */
final class Deaggregate {
    private Deaggregate() {}

    public static void main(String[] arguments) throws Exception {
        Exchange.serve(arguments, AggregatorUtil.class, Deaggregate::deaggregate);
    }

    private static List<ObjectNode> deaggregate(Exchange.Stored stored) {
        KinesisClientRecord record = KinesisClientRecord.builder()
                .sequenceNumber(stored.sequenceNumber)
                .partitionKey(stored.partitionKey)
                .data(stored.data)
                .build();
        return new AggregatorUtil().deaggregate(List.of(record), stored.startingHashKey, stored.endingHashKey).stream()
                .map(user -> Exchange.userRecord(
                        user.sequenceNumber(), user.subSequenceNumber(), user.aggregated(),
                        user.partitionKey(), user.explicitHashKey(), user.data()))
                .collect(Collectors.toList());
    }
}
