-- Who looks at dashboards: may read what the sensor wrote, and nothing else.
CREATE USER IF NOT EXISTS grafana IDENTIFIED WITH sha256_password BY 'demonstration' SETTINGS readonly = 2;
GRANT SELECT ON heelguard.* TO grafana;
