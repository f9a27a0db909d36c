-- One line a table: name, rows, and a digest of the rows that does not depend on their order. Equal lines, equal content.
-- The settings make the text of a row the same on every server.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'iso_8601';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SET work_mem = '64MB';
SELECT format(
    'SELECT %L, count(*), encode(sha256(convert_to(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text) '
    'COLLATE "C"), ''''), ''UTF8'')), ''hex'') FROM %I.%I t',
    schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
ORDER BY schemaname, tablename
\gexec
