-- SPDX-FileCopyrightText: 2026 The vpr_ros authors
-- SPDX-License-Identifier: Apache-2.0
-- Readers read all; robots also push, and change and delete only what they pushed themselves; owners
-- may change everything.

DO $$
DECLARE
    own text;
    found text;
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO vpr_robot', current_database());

    FOREACH found IN ARRAY ARRAY['maps', 'projections', 'calibrations', 'cameras', 'sessions',
            'versions', 'places', 'former_places', 'descriptors', 'thumbnails'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', found);
        EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO vpr_reader USING (true)', found);
        EXECUTE format('CREATE POLICY owning ON %I TO vpr_owner USING (true)', found);
        own := CASE
            WHEN found IN ('maps', 'sessions', 'calibrations') THEN 'owner = current_user'
            WHEN found = 'projections' THEN
                'map IN (SELECT id FROM maps WHERE owner = current_user)'
            WHEN found = 'cameras' THEN 'true'
            WHEN found = 'places' THEN
                '(session, map) IN (SELECT key, map FROM sessions WHERE owner = current_user)'
            ELSE 'session IN (SELECT key FROM sessions WHERE owner = current_user)'
        END;
        EXECUTE format('CREATE POLICY adding ON %I FOR INSERT TO vpr_robot WITH CHECK (%s)',
            found, own);
        IF found IN ('sessions', 'calibrations') THEN
            EXECUTE format('CREATE POLICY changing ON %I FOR UPDATE TO vpr_robot USING (%s)',
                found, own);
        END IF;
        IF found IN ('places', 'calibrations') THEN
            EXECUTE format('CREATE POLICY deleting ON %I FOR DELETE TO vpr_robot USING (%s)',
                found, own);
            EXECUTE format('GRANT DELETE ON %I TO vpr_robot', found);
        END IF;
        EXECUTE format('GRANT SELECT ON %I TO vpr_reader', found);
        IF found NOT IN ('maps', 'sessions', 'calibrations') THEN
            EXECUTE format('GRANT INSERT ON %I TO vpr_robot', found);
        END IF;
        EXECUTE format('GRANT UPDATE, DELETE ON %I TO vpr_owner', found);
    END LOOP;
END
$$;

-- Who owns what, nobody says himself.
GRANT INSERT (name, rules) ON maps TO vpr_robot;
GRANT INSERT (map, uid), UPDATE (version, deleted, changed) ON sessions TO vpr_robot;
GRANT INSERT (map, name, data), UPDATE (data) ON calibrations TO vpr_robot;
GRANT USAGE ON SCHEMA vpr TO vpr_reader;
GRANT SELECT ON migrations TO vpr_reader;
GRANT USAGE ON SEQUENCE session_keys TO vpr_robot;
