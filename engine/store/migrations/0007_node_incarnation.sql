-- Tells processes apart that were given the same node id; random for each process.
ALTER TABLE node ADD COLUMN incarnation text NOT NULL DEFAULT '';
