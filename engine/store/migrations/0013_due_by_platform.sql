-- Each platform's mappings are told by themselves: one that is slow does not hold up the others. (T8)
DROP INDEX trade_mapping_due;
CREATE INDEX trade_mapping_due ON trade_mapping (platform, next_try_at) WHERE next_try_at IS NOT NULL;
