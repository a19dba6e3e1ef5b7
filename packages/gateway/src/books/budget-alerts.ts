import { createHash } from 'node:crypto';
import type { Secret } from '@ogong/host/crypto/secret';
import { signWebhook } from '@ogong/host/http/webhook';
import type { Json } from '@ogong/host/openai/format';
import { amount, columns, integer, named, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import type { Accounts } from './accounts.ts';
import { nameAccount, readSpending } from './spending-store.ts';

/** Receiver of alerts besides the log. */
export interface AlertWebhook {
  readonly url: string;
  /** `whsec_` and the base64 of 24 to 64 bytes, as in Standard Webhooks. */
  readonly secret: Secret<string>;
}

export interface BudgetAlertOptions {
  readonly intervalMs: number;
  /** Percent of a budget, each 1 to 100. */
  readonly thresholds: readonly number[];
  readonly webhook?: AlertWebhook | undefined;
}

export interface BudgetAlertDependencies {
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  readonly accounts: Pick<Accounts, 'listOrganisations' | 'listKeys'>;
  readonly clock: Clock;
  readonly onAlert: (alert: BudgetAlert) => void;
  readonly onError: (error: unknown) => void;
}

/** An alert about a spent part of a budget. It is sent once, and again after the budget changes. */
export interface BudgetAlert {
  /** A key's id, or `org:` and that of an organisation. */
  readonly account: string;
  readonly percent: number;
  readonly budgetAtomic: bigint;
  /** Spent amount at the time of the alert. */
  readonly spentAtomic: bigint;
  readonly madeMs: number;
}

interface Budget {
  readonly account: string;
  readonly budgetAtomic: bigint;
}

const PATIENCE_MS = 10_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** An alert that could not be delivered for so long stays in the log only. */
const GIVE_UP_MS = 3 * 86_400_000;
const PER_ROUND = 16;

const alertFields = {
  account: text,
  percent: integer,
  budgetAtomic: named('budget', amount),
  spentAtomic: named('spent', amount),
  madeMs: integer,
};
const newAlertRow = columns({ ...alertFields, attempts: integer, nextMs: integer });
const dueRow = newAlertRow;
const accountRow = columns({ account: text });

/**
 * Says when a key or an organisation has spent a part of its budget. An alert is on the disk before it is delivered, so a crash
 * loses none. A receiver may get one twice, under the same id.
 */
export function createBudgetAlerts(
  { intervalMs, thresholds, webhook }: BudgetAlertOptions,
  { books, accounts, clock, onAlert, onError }: BudgetAlertDependencies,
): Repeating {
  const known = 'SELECT account FROM alerts WHERE account = ? AND budget = ? AND percent = ?';
  const isTold = async ({ account, budgetAtomic }: Budget, percent: number): Promise<boolean> =>
    (await books.read(() => findOne(accountRow, known, account, `${budgetAtomic}`, percent))) !== undefined;

  async function look(): Promise<void> {
    const nowMs = clock.nowMs();
    const made: BudgetAlert[] = [];
    for (const budget of await listBudgets(accounts)) {
      const { spent: spentAtomic } = await readSpending(books, budget.account);
      for (const percent of thresholds) {
        const isReached = spentAtomic * 100n >= budget.budgetAtomic * BigInt(percent);
        if (isReached && !(await isTold(budget, percent)))
          made.push({ ...budget, percent, spentAtomic, madeMs: nowMs });
      }
    }
    if (made.length === 0) return;
    const told = await books.write(function* () {
      const added: BudgetAlert[] = [];
      for (const alert of made) {
        const row = { ...alert, attempts: 0, nextMs: nowMs };
        if (yield* insertRow(newAlertRow, 'alerts', row, 'ON CONFLICT DO NOTHING')) added.push(alert);
      }
      return added;
    });
    for (const alert of told) onAlert(alert);
  }

  async function send(to: AlertWebhook, signal: AbortSignal): Promise<void> {
    const nowMs = clock.nowMs();
    const due = `SELECT ${dueRow.list} FROM alerts WHERE sent_ms IS NULL AND next_ms <= ? AND made_ms > ?
      ORDER BY next_ms LIMIT ?`;
    const rows = await books.read(() => findAll(dueRow, due, nowMs, nowMs - GIVE_UP_MS, PER_ROUND));
    for (const { attempts, nextMs: _, ...alert } of rows) {
      const failure = await post(to, alert, { nowMs, signal }).catch((cause: unknown) => cause);
      if (signal.aborted) return;
      if (failure !== undefined) onError(failure);
      const pauseMs = Math.min(LONGEST_PAUSE_MS, intervalMs * 2 ** Math.min(attempts, 20));
      const sql =
        'UPDATE alerts SET sent_ms = ?, attempts = ?, next_ms = ? WHERE account = ? AND budget = ? AND percent = ?';
      const place = [alert.account, `${alert.budgetAtomic}`, alert.percent] as const;
      const sentMs = failure === undefined ? nowMs : null;
      await books.write(() => change(sql, sentMs, attempts + 1, nowMs + pauseMs, ...place));
    }
  }

  return createRepeating(
    { intervalMs },
    async (signal) => {
      await look();
      if (webhook) await books.alone('alerts', () => send(webhook, signal));
    },
    onError,
  );
}

/** Budgets of which a part can be spent. A key that is revoked spends nothing more. */
async function listBudgets(accounts: BudgetAlertDependencies['accounts']): Promise<Budget[]> {
  const organisations = (await accounts.listOrganisations()).map(({ id, budgetAtomic }) => ({
    account: nameAccount(id),
    budgetAtomic,
  }));
  const keys = (await accounts.listKeys())
    .filter(({ revokedMs }) => revokedMs === undefined)
    .map(({ id, budgetAtomic }) => ({ account: id, budgetAtomic }));
  return [...organisations, ...keys].filter((one): one is Budget => (one.budgetAtomic ?? 0n) > 0n);
}

/** Signs it as Standard Webhooks do. @returns undefined where it was taken. @throws what kept it from being sent. */
async function post(
  { url, secret }: AlertWebhook,
  alert: BudgetAlert,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<undefined> {
  const body = JSON.stringify(toEvent(alert));
  const id = nameAlert(alert);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signWebhook(secret, { id, nowMs, body }) },
    body,
    // It would go where the operator did not say.
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the webhook for alerts answered ${response.status}`);
  return undefined;
}

/** The same for each try, so that a receiver knows one that it has. */
const nameAlert = ({ account, budgetAtomic, percent, madeMs }: BudgetAlert): string =>
  `alert_${createHash('sha256').update(`${account} ${budgetAtomic} ${percent} ${madeMs}`).digest('hex').slice(0, 32)}`;

function toEvent({ account, percent, budgetAtomic, spentAtomic, madeMs }: BudgetAlert): Json {
  const organisation = account.startsWith(nameAccount('')) ? account.slice(nameAccount('').length) : undefined;
  return {
    type: 'budget.threshold',
    timestamp: new Date(madeMs).toISOString(),
    data: {
      ...(organisation === undefined ? { key: account } : { organisation }),
      percent,
      budget_atomic: `${budgetAtomic}`,
      spent_atomic: `${spentAtomic}`,
    },
  };
}
