-- A user counts at its home, the city of its first event, and at all that this lies in, without rows in place_users.
-- Users of earlier versions have no home, and a row for every place. Under its former name a program of an earlier
-- version would go on with the table and count users at their homes again: it finds it no more.
ALTER TABLE users RENAME TO known_users;
ALTER TABLE known_users ADD COLUMN home INTEGER;
-- Of a rebuild by an earlier version, which begins again.
DROP TABLE IF EXISTS next_users;
