//! What is counted of looking into messages for what they hold.
//! The extractor of a shard adds to it.
//! It promises that what was left out for a limit is told from what was not looked at to save time.

counter_struct! {
    /// What was looked into for names, types and classes of what it holds.
    ContentsCounters {
        /// Exchanges whose messages were looked into.
        looked,
        /// Those of which one message was longer than what is looked at.
        cut,
        /// Those of which names were left out: too many, too long, or too deep.
        left_out,
    }
}
