import type { Json } from '@ogong/host/openai/format';
import type { AccountMember, ApiKey, Organisation } from '../books/account-rows.ts';
import type { LogLine } from '../books/credit-log.ts';
import type { CreditEntry } from '../books/credit-store.ts';
import type { SignedDeposit } from '../books/signed-deposits.ts';
import type { Spending } from '../books/spending-store.ts';

/** How the admin API and `ogong-gatewayd admin --json` show accounts: money as decimal text, times as ISO 8601, no secret. */
/** @param granted the organisation's credit, if it has some. */
export const showOrganisation = (
  { id, name, budgetAtomic, createdMs }: Organisation,
  spending: Spending,
  granted?: bigint,
): Json => ({
  id,
  name,
  ...showMoney(budgetAtomic, spending),
  credit_atomic: showAmount(granted),
  credit_left_atomic: showAmount(granted === undefined ? undefined : granted - spending.spent - spending.reserved),
  created_at: showTime(createdMs),
});

export const showMember = ({ organisation, id, role, createdMs }: AccountMember): Json => ({
  organisation,
  id,
  role,
  created_at: showTime(createdMs),
});

export const showKey = (key: ApiKey, spending: Spending): Json => ({
  id: key.id,
  organisation: key.organisation,
  name: key.name,
  ...showMoney(key.budgetAtomic, spending),
  day_budget_atomic: showAmount(key.dayBudgetAtomic),
  models: key.models ?? null,
  requests_per_minute: key.requestsPerMinute ?? null,
  tokens_per_minute: key.tokensPerMinute ?? null,
  created_at: showTime(key.createdMs),
  expires_at: showTime(key.expiresMs),
  rotated_at: showTime(key.rotatedMs),
  revoked_at: showTime(key.revokedMs),
});

/** Below 0 for credit that was taken back. */
export const showCredit = ({ id, amountAtomic, detail, madeMs }: CreditEntry): Json => ({
  id,
  amount_atomic: `${amountAtomic}`,
  detail,
  time: showTime(madeMs),
});

export const showAudit = ({ id, timeMs, actor, action, organisation, target, detail }: LogLine): Json => ({
  id,
  time: showTime(timeMs),
  ...{ actor, action, organisation, target, detail },
});

export const showSignedDeposit = ({ payer, nonce, amountAtomic, state, madeMs }: SignedDeposit): Json => ({
  ...{ payer, nonce, amount_atomic: `${amountAtomic}`, state },
  time: showTime(madeMs),
});

/** Shows a budget as spent, reserved and left amounts. If it was lowered below the spent amount, nothing is left. */
function showMoney(budgetAtomic: bigint | undefined, { spent, reserved }: Spending): Json {
  const left = budgetAtomic === undefined ? undefined : budgetAtomic - spent - reserved;
  return {
    budget_atomic: showAmount(budgetAtomic),
    spent_atomic: `${spent}`,
    reserved_atomic: `${reserved}`,
    left_atomic: showAmount(left !== undefined && left < 0n ? 0n : left),
  };
}

const showAmount = (value: bigint | undefined): string | null => (value === undefined ? null : `${value}`);
const showTime = (timeMs: number | undefined): string | null =>
  timeMs === undefined ? null : new Date(timeMs).toISOString();
