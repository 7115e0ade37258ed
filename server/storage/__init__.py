"""The database and the blobs: one store a noun. The only room that knows peewee; decides nothing."""
