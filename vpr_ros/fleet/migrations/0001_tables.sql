-- SPDX-FileCopyrightText: 2026 The vpr_ros authors
-- SPDX-License-Identifier: Apache-2.0
-- What each map has in common, and its sessions. Nothing of a session is seen before the transaction
-- that sets its version: descriptors and thumbnails of a push in progress belong to no place.

CREATE TABLE maps (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner name NOT NULL DEFAULT current_user,
    rules jsonb NOT NULL
);

-- The coder and the reducer of a map, where it has them: little-endian float32, row by row.
CREATE TABLE projections (
    map int NOT NULL REFERENCES maps ON DELETE CASCADE,
    id text NOT NULL,
    mean bytea NOT NULL,
    projection bytea NOT NULL,
    PRIMARY KEY (map, id)
);

CREATE TABLE calibrations (
    map int NOT NULL REFERENCES maps ON DELETE CASCADE,
    name text NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    data bytea NOT NULL,
    PRIMARY KEY (map, name)
);

-- A camera that was moved on its robot is another one.
CREATE TABLE cameras (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    map int NOT NULL REFERENCES maps ON DELETE CASCADE,
    name text NOT NULL,
    mount float8[],
    UNIQUE NULLS NOT DISTINCT (map, name, mount)
);

-- Keys ascend in order of the first push, and begin elsewhere on each server of a fleet.
CREATE SEQUENCE session_keys;

CREATE TABLE sessions (
    key bigint PRIMARY KEY DEFAULT nextval('session_keys'),
    map int NOT NULL REFERENCES maps ON DELETE CASCADE,
    uid uuid NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    version int NOT NULL DEFAULT 0,             -- 0: nothing was published yet
    deleted boolean NOT NULL DEFAULT false,
    -- By the transaction and not by a sequence, so that none that commits late is overlooked.
    changed xid8 NOT NULL DEFAULT pg_current_xact_id(),
    UNIQUE (map, uid)
);
CREATE INDEX ON sessions (map, changed);

CREATE TABLE versions (
    session bigint NOT NULL REFERENCES sessions ON DELETE CASCADE,
    number int NOT NULL,
    name text NOT NULL,
    started bigint NOT NULL,
    frame text NOT NULL,
    places int NOT NULL,
    digest uuid NOT NULL,
    pushed_by name NOT NULL DEFAULT current_user,
    pushed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (session, number)
);

-- What a search reads, apart from the descriptors. What comes first is read fastest.
CREATE TABLE places (
    session bigint NOT NULL,
    stamp bigint NOT NULL,
    map int NOT NULL,
    number int NOT NULL,
    camera int NOT NULL,
    code bit varying NOT NULL,
    x float8, y float8, z float8,
    qx float8, qy float8, qz float8, qw float8,
    distance float8,
    latitude float8, longitude float8, altitude float8,
    -- Latitude and longitude as a position on the ellipsoid, so that distances over ground are exact.
    ground_x float8, ground_y float8, ground_z float8,
    covariance bytea,
    PRIMARY KEY (session, number)
) PARTITION BY HASH (session);

-- The places of versions that were replaced.
CREATE TABLE former_places (LIKE places, version int NOT NULL, PRIMARY KEY (session, version, number));

CREATE TABLE descriptors (
    session bigint NOT NULL,
    number int NOT NULL,
    step real NOT NULL,                         -- what an element of one stands for
    key uuid NOT NULL,                          -- digest of image and descriptor
    data halfvec NOT NULL,
    PRIMARY KEY (session, number)
) PARTITION BY HASH (session);

CREATE TABLE thumbnails (
    session bigint NOT NULL,
    number int NOT NULL,
    jpeg bytea NOT NULL,
    PRIMARY KEY (session, number)
) PARTITION BY HASH (session);
ALTER TABLE thumbnails ALTER jpeg SET STORAGE EXTERNAL;

DO $$
BEGIN
    FOR i IN 0..7 LOOP
        EXECUTE format(
            'CREATE TABLE places_%s PARTITION OF places FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
            i, i);
        EXECUTE format(
            'CREATE TABLE descriptors_%s PARTITION OF descriptors '
            'FOR VALUES WITH (MODULUS 8, REMAINDER %s)', i, i);
        EXECUTE format(
            'CREATE TABLE thumbnails_%s PARTITION OF thumbnails '
            'FOR VALUES WITH (MODULUS 8, REMAINDER %s)', i, i);
    END LOOP;
END
$$;

CREATE INDEX ON places USING gist (point(x, y)) WHERE x IS NOT NULL;
CREATE INDEX ON places USING gist (point(longitude, latitude)) WHERE latitude IS NOT NULL;
