import { define, text } from '@ogong/host/config/values';

const postgresUrl = define('postgres://user@host:port/database, without a password', '<url>', (value) => {
  if (!URL.canParse(value)) return undefined;
  const { protocol, password, pathname, searchParams } = new URL(value);
  const isPostgres = protocol === 'postgres:' || protocol === 'postgresql:';
  // A password in a command line or a log is no secret.
  const isOpen = password === '' && !searchParams.has('password');
  return isPostgres && isOpen && pathname.length > 1 ? value : undefined;
});

/** Settings of a daemon whose stores may be in a database. */
export const createDatabaseFields = (role: 'GATEWAY' | 'MEMORY') =>
  ({
    database: {
      schema: postgresUrl,
      label: '<url>',
      env: `OGONG_${role}_DATABASE`,
      description:
        'PostgreSQL database that several daemons share, postgres://user@host/database, without a password; SQLite files in the data directory if not given',
    },
    databasePassword: {
      schema: text,
      secret: true,
      env: `OGONG_${role}_DATABASE_PASSWORD`,
      description: 'password of its user; PGPASSWORD or ~/.pgpass if not given',
    },
  }) as const;
