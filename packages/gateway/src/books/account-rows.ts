import { amount, columns, integer, mapped, named, oneOf, optional, text } from '@ogong/host/store/columns';
import { findOne, type Work } from '@ogong/host/store/work';
import { z } from 'zod';

/** `operator` runs the gateway; the others belong to an organisation (docs/accounts.md#roles). */
export const ROLES = ['operator', 'owner', 'admin', 'member'] as const;
export type Role = (typeof ROLES)[number];

export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly code: 'usage' | 'unknown' | 'revoked-key' | 'expired-key' | 'last-owner' | 'full' | 'forbidden';
  readonly retryable = false;
  constructor(code: AccountError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export const organisationRow = columns({
  id: text,
  name: text,
  /** Most that all of its keys may ever spend; undefined: no limit. */
  budgetAtomic: named('budget', optional(amount)),
  createdMs: integer,
});
export type Organisation = ReturnType<typeof organisationRow.read>;

export const memberRow = columns({ organisation: text, id: text, role: oneOf(ROLES), createdMs: integer });
export type AccountMember = ReturnType<typeof memberRow.read>;

const keyFields = {
  id: text,
  /** Empty for none. */
  organisation: text,
  name: text,
  budgetAtomic: named('budget', optional(amount)),
  dayBudgetAtomic: named('day_budget', optional(amount)),
  models: optional(mapped(text, (json): readonly string[] => JSON.parse(json), JSON.stringify)),
  requestsPerMinute: optional(integer),
  tokensPerMinute: optional(integer),
  createdMs: integer,
  expiresMs: optional(integer),
  rotatedMs: optional(integer),
  revokedMs: optional(integer),
};
/** Without the hash of the secret. */
export const keyRow = columns(keyFields);
export const newKeyRow = columns({ ...keyFields, hash: text });
export const newMemberRow = columns({
  organisation: text,
  id: text,
  role: oneOf(ROLES),
  createdMs: integer,
  hash: text,
});
export type ApiKey = ReturnType<typeof keyRow.read>;

const auditFields = { timeMs: integer, actor: text, action: text, organisation: text, target: text, detail: text };
export const newAuditRow = columns(auditFields);
/** One change: its actor, the operation and its object. No secret is ever in it. */
export const auditRow = columns({ id: integer, ...auditFields });
export type AuditEntry = ReturnType<typeof auditRow.read>;

export const findOrganisation = (id: string): Work<Organisation | undefined> =>
  findOne(organisationRow, `SELECT ${organisationRow.list} FROM organisations WHERE id = ?`, id);
export const findMember = (organisation: string, id: string): Work<AccountMember | undefined> =>
  findOne(memberRow, `SELECT ${memberRow.list} FROM members WHERE organisation = ? AND id = ?`, organisation, id);
export const findKey = (id: string): Work<ApiKey | undefined> =>
  findOne(keyRow, `SELECT ${keyRow.list} FROM keys WHERE id = ?`, id);

const LATEST_EXPIRY_MS = 253_402_214_400_000;
const MODEL_PATTERN = /^(?=.)[\x21-\x29\x2b\x2d-\x7e]{0,160}\*?$/;
const perMinute = z.number().int().min(1).max(1e9).optional();
const budget = z
  .bigint()
  .min(0n)
  .max(10n ** 38n)
  .optional();
const name = z
  .string()
  .max(100)
  .regex(/^\P{Cc}*$/u);

/** Form of the ids of organisations and members, which occur in paths, accounts and CSV. */
const ID = /^[a-z0-9][a-z0-9._@-]{0,62}$/;
export const organisationTerms = z.object({ id: z.string().regex(ID), name, budgetAtomic: budget });
export const memberTerms = z.object({
  organisation: z.string().regex(ID),
  id: z.string().regex(ID),
  role: z.enum(['owner', 'admin', 'member']),
});
export const keyTerms = z.object({
  organisation: z.string(),
  name,
  budgetAtomic: budget,
  dayBudgetAtomic: budget,
  expiresMs: z.number().int().min(0).max(LATEST_EXPIRY_MS).optional(),
  models: z.array(z.string().regex(MODEL_PATTERN)).min(1).max(100).optional(),
  requestsPerMinute: perMinute,
  tokensPerMinute: perMinute,
});
export type OrganisationTerms = z.input<typeof organisationTerms>;
export type MemberTerms = z.input<typeof memberTerms>;
export type KeyTerms = z.input<typeof keyTerms>;

/** The rules for the fields of accounts, short enough for one error message. */
const RULES =
  'an id is 1 to 63 of a-z, 0-9 and ._@- and begins with a letter or digit. A name has at most 100 characters. ' +
  'A budget has at most 38 digits. A list of models has 1 to 100 ids, and each may end in *. A limit of a minute ' +
  'is 1 to 1,000,000,000. A key ends before the year 10000. A role is owner, admin or member';

/** @throws AccountError `usage` */
export function readTerms<T>(schema: z.ZodType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new AccountError('usage', `${fields || 'the terms'} cannot be taken: ${RULES}`);
}
