"""Events, partitioned by day, and what could not be read as events."""

from alembic import op

from opsrail.db.rls import protect

revision = "0002"
down_revision = "0001"

DAYS_AHEAD = 7


def upgrade() -> None:
    # The day is a column of its own, since the partition key has to be part of the primary key: all that one message
    # brings lands in one partition however often it is delivered. Identifiers compare by byte, which is also faster.
    op.execute(
        """
        CREATE TABLE events (
          org_id uuid NOT NULL,
          received_on date NOT NULL,
          id text COLLATE "C" NOT NULL,
          source text COLLATE "C" NOT NULL,
          type text COLLATE "C" NOT NULL,
          subject text,
          time timestamptz NOT NULL,
          received_at timestamptz NOT NULL,
          connection_id text,
          correlation_id text,
          traceparent text,
          datacontenttype text,
          dataschema text,
          data jsonb,
          data_base64 text,
          extensions jsonb,
          CONSTRAINT pk_events PRIMARY KEY (org_id, id, source, received_on)
        ) PARTITION BY RANGE (received_on)
        """
    )
    op.execute("CREATE INDEX ix_events_org_id_received_at ON events (org_id, received_at DESC, id DESC)")
    op.execute("CREATE INDEX ix_events_org_id_type_received_at ON events (org_id, type, received_at DESC)")
    op.execute("CREATE INDEX ix_events_org_id_correlation_id ON events (org_id, correlation_id)")
    protect("events")
    op.execute(
        """
        CREATE TABLE rejected_events (
          org_id uuid NOT NULL,
          stream_sequence bigint NOT NULL,
          position int NOT NULL,
          subject text NOT NULL,
          reason text NOT NULL,
          body bytea NOT NULL,
          received_at timestamptz NOT NULL,
          CONSTRAINT pk_rejected_events PRIMARY KEY (stream_sequence, position)
        )
        """
    )
    op.execute("CREATE INDEX ix_rejected_events_received_at ON rejected_events (received_at)")
    protect("rejected_events")
    _partition_functions()
    op.execute(f"SELECT events_ensure_partitions(current_date - 1, current_date + {DAYS_AHEAD})")


def _partition_functions() -> None:
    """Partitions belong to the owner of the table, so the loops that keep them call these with the owner's rights.

    A partition has no policies of its own, since ``COPY`` refuses a table that has: it is reached through ``events``,
    whose policies hold then, and by itself only by ``opsrail_worker``, which may insert into it and nothing else.
    """
    op.execute(
        """
        CREATE FUNCTION events_ensure_partitions(first date, last date) RETURNS int
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
          day date;
          partition text;
          made int := 0;
        BEGIN
          IF last - first > 400 THEN
            RAISE EXCEPTION 'too many partitions at once: % to %', first, last;
          END IF;
          PERFORM pg_advisory_xact_lock(hashtext('events partitions'));
          FOR day IN SELECT generate_series(first, last, interval '1 day')::date LOOP
            partition := 'events_' || to_char(day, 'YYYYMMDD');
            IF to_regclass(partition) IS NULL THEN
              EXECUTE format(
                'CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)', partition, day, day + 1
              );
              EXECUTE format('GRANT INSERT ON %I TO opsrail_worker', partition);
              made := made + 1;
            END IF;
          END LOOP;
          RETURN made;
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION events_drop_partitions(before date) RETURNS int
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
          partition text;
          dropped int := 0;
        BEGIN
          PERFORM pg_advisory_xact_lock(hashtext('events partitions'));
          FOR partition IN
            SELECT inhrelid::regclass::text FROM pg_inherits
             WHERE inhparent = 'events'::regclass
               AND right(inhrelid::regclass::text, 8) < to_char(before, 'YYYYMMDD')
          LOOP
            EXECUTE format('DROP TABLE %I', partition);
            dropped := dropped + 1;
          END LOOP;
          RETURN dropped;
        END $$
        """
    )
    for function in ("events_ensure_partitions(date, date)", "events_drop_partitions(date)"):
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO opsrail_worker")


def downgrade() -> None:
    op.execute("DROP FUNCTION events_drop_partitions(date)")
    op.execute("DROP FUNCTION events_ensure_partitions(date, date)")
    op.execute("DROP TABLE rejected_events")
    op.execute("DROP TABLE events")
