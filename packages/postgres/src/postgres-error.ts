import { StoreError, type StoreErrorCode } from '@ogong/host/store/store-error';

/** SQLSTATE, or the beginning of one (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const SQL_STATES: readonly (readonly [state: string, code: StoreErrorCode, what: string])[] = [
  ['53100', 'disk-full', 'cannot grow: its disk is full'],
  ['53300', 'busy', 'has no connection left'],
  ['55P03', 'busy', 'is locked by another program'],
  ['57014', 'busy', 'took too long to answer'],
  ['25P03', 'busy', 'ended a write that stood still'],
  ['25006', 'read-only', 'is read-only'],
  ['28', 'io', 'does not let this user in: check user and password'],
  ['3D000', 'io', 'does not exist: make it with createdb'],
  ['42501', 'io', 'does not let this user make tables: let it own the database'],
  ['08', 'io', 'broke the connection'],
  ['57P', 'io', 'is being stopped or started'],
  ['58', 'io', 'reports an error of its system'],
  ['XX00', 'corrupt', 'is damaged: restore it from a backup'],
];

/** The message of `pg` for a lost connection, which has no code. */
const BROKEN =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed)/;

/** Turns failures of the database into StoreErrors. Mistakes in SQL and broken constraints stay as they are. */
export function toPostgresError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  const state = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = SQL_STATES.find(([begin]) => state.startsWith(begin));
  if (known) return new StoreError(known[1], `the database ${path} ${known[2]}`, { cause: error });
  // An errno of the system, such as for a closed port.
  if (/^E[A-Z]{3,}$/.test(state) || BROKEN.test(error.message))
    return new StoreError('io', `the database ${path} cannot be reached: ${error.message}`, { cause: error });
  return error;
}
