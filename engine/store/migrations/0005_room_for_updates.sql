-- Packets that are claimed together lie on one page and are opened together: a page needs room for a second version
-- of every row, or each open writes both indexes again. (Measured: 340 ms instead of 600 ms of server time for 20,000
-- opens in one transaction; claims cost the same.) Batches are updated together in the same way.
ALTER TABLE packet SET (fillfactor = 45);
ALTER TABLE batch SET (fillfactor = 50);
