import { createHash } from 'node:crypto';
import type { SQLInputValue } from 'node:sqlite';
import type { StepResult, Work, WorkStep } from '@ogong/host/store/work';
import { toQueryStatement, toWriteStatement, type WorkStatement } from '@ogong/host/store/work-rows';
import type pg from 'pg';
import { StatementError } from './postgres-batch.ts';

export type SendAll = (
  client: pg.PoolClient,
  statements: readonly WorkStatement[],
) => Promise<readonly (StepResult & { readonly command: string })[]>;

/** Sends statements in one round trip. It throws a StatementError with the message of the first statement that failed. */
export const createSend =
  (onTrip: (statements: number) => void = () => {}): SendAll =>
  async (client, statements) => {
    onTrip(statements.length);
    const sent = await Promise.allSettled(
      statements.map(({ sql, parameters }) =>
        client.query({ ...toStatement(sql), values: parameters.map(toParameter) }),
      ),
    );
    return sent.map((each) => {
      if (each.status === 'rejected') throw new StatementError(each.reason);
      const { rows, rowCount, command } = each.value;
      return { rows, changes: rowCount ?? 0, command };
    });
  };

/** Runs one work step by step. It reads its own writes at once. */
export async function follow<T>(client: pg.PoolClient, work: Work<T>, send: SendAll): Promise<T> {
  let next = work.next();
  while (!next.done) {
    const step = next.value;
    // A single work needs no memory of rows.
    if ('queries' in step && step.isAhead) {
      next = work.next(NOTHING);
      continue;
    }
    try {
      const results = await send(client, toStatements(step));
      const [first = { rows: [], changes: 0 }] = results;
      next = work.next('queries' in step ? { ...NOTHING, groups: results.map(({ rows }) => rows) } : first);
    } catch (error) {
      throw error instanceof StatementError ? error.cause : error;
    }
  }
  return next.value;
}

const NOTHING = { rows: [], changes: 0 } as const;

function toStatements(step: WorkStep): readonly WorkStatement[] {
  if ('queries' in step) return step.queries.map(toQueryStatement);
  return ['kind' in step ? toWriteStatement(step) : step];
}

const statements = new Map<string, { readonly name: string; readonly text: string }>();

/** Replaces `?` by `$1` and so on. The name lets a connection keep the statement parsed. */
function toStatement(sql: string): { readonly name: string; readonly text: string } {
  const known = statements.get(sql);
  if (known) return known;
  let index = 0;
  const text = sql.replace(/\?/g, () => `$${++index}`);
  const statement = { name: createHash('sha256').update(text).digest('hex').slice(0, 32), text };
  statements.set(sql, statement);
  return statement;
}

/** Text of PostgreSQL has no NUL, and texts of providers and validators may have one. */
const toParameter = (value: SQLInputValue): SQLInputValue =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
