import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { type BodyLimits, parseJsonBody, readJsonBody } from '@ogong/host/http/body';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import type { Json } from '@ogong/host/openai/format';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import type { AdminRouteName } from '@ogong/protocol/http/routes';
import { z } from 'zod';
import type { AccountChanges, Changed } from '../books/account-changes.ts';
import { AccountError, type AccountMember, type ApiKey, type Role } from '../books/account-rows.ts';
import type { Accounts } from '../books/accounts.ts';
import { listChanges } from '../books/credit-log.ts';
import { listCredits } from '../books/credit-store.ts';
import {
  describeSignedDeposit,
  listSignedDeposits,
  parseSignedDeposit,
  type SignedDepositTerms,
  takeSignedDeposit,
} from '../books/signed-deposits.ts';
import { nameAccount, readSpending } from '../books/spending-store.ts';
import { readDays, readUsage, toUsageCsv, toUsageJson } from '../front/usage-handler.ts';
import { addOperatorCredit, findDepositAddress, openAccountCredit, readOrganisation } from './admin-command.ts';
import { showAudit, showCredit, showKey, showMember, showSignedDeposit } from './admin-view.ts';

export interface AdminHandlersDependencies {
  readonly accounts: Accounts;
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  readonly clock: Clock;
  readonly bodyLimits: BodyLimits;
  /** The network's token, if organisations may pay in with it. */
  readonly deposits?: SignedDepositTerms | undefined;
}

/** Rights of each role. All but the operator may do it within their own organisation alone. */
const MAY = {
  read: ['operator', 'owner', 'admin', 'member'],
  readAudit: ['operator', 'owner', 'admin'],
  changeKeys: ['operator', 'owner', 'admin'],
  changeMembers: ['operator', 'owner'],
  changeOrganisations: ['operator'],
  changeCredit: ['operator'],
  changeDeposits: ['operator', 'owner', 'admin'],
} as const satisfies Record<string, readonly Role[]>;
type Right = keyof typeof MAY;

const MOST_AUDIT_LINES = 1_000;
/** Rate of changes by one organisation: each change is a synced write, and a line that is kept for ever. */
const CHANGES_OF_AN_ORGANISATION = { perSecond: 1, burst: 60 };

const amountText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,37})$/, 'expected a decimal whole number as text')
  .transform(BigInt);
const organisationBody = z.strictObject({ id: z.string(), name: z.string(), budget_atomic: amountText.optional() });
const memberBody = z.strictObject({
  organisation: z.string(),
  id: z.string(),
  role: z.enum(['owner', 'admin', 'member']),
});
const keyBody = z.strictObject({
  organisation: z.string(),
  name: z.string(),
  budget_atomic: amountText.optional(),
  day_budget_atomic: amountText.optional(),
  expires_at: z.iso.datetime().optional(),
  models: z.array(z.string()).optional(),
  requests_per_minute: z.number().optional(),
  tokens_per_minute: z.number().optional(),
});

const creditBody = z.strictObject({
  organisation: z.string(),
  reference: z.string().optional(),
  amount_atomic: z
    .string()
    .regex(/^-?(0|[1-9][0-9]{0,37})$/, 'expected a decimal whole number as text')
    .transform(BigInt)
    .optional(),
});
const transferBody = z.strictObject({
  organisation: z.string(),
  authorization: z.record(z.string(), z.unknown()),
  signature: z.string(),
});

/** The caller, with its rights. */
interface Caller {
  readonly member: AccountMember;
  readonly changes: AccountChanges;
  /** Name of the caller in the log. */
  readonly actor: string;
  /** Returns the organisation of the question: the caller's own, or any for the operator. @throws ApiError `forbidden` */
  scope(asked: string | undefined): string | undefined;
}

/** Organisations, members, keys, usage and the audit log, for holders of an admin secret. No answer has the hash of a secret. */
export function createAdminHandlers({
  accounts,
  books,
  clock,
  bodyLimits,
  deposits,
}: AdminHandlersDependencies): Readonly<Record<AdminRouteName, Handler>> {
  const changes = createRateLimiter(CHANGES_OF_AN_ORGANISATION, clock);

  /** @throws ApiError `invalid_api_key`, `forbidden` */
  async function admit({ req, env }: ApiContext, right: Right): Promise<Caller> {
    const [, secret] = /^Bearer\s+(\S{1,200})$/i.exec(req.header('authorization') ?? '') ?? [];
    const member = secret === undefined ? undefined : await accounts.findMember(secret);
    if (member === undefined) {
      throw new ApiError(
        'invalid_api_key',
        'The admin API takes an admin secret as `Authorization: Bearer <secret>`; `ogong-gatewayd admin secret` makes one.',
      );
    }
    env.welcome?.();
    const roles: readonly Role[] = MAY[right];
    if (!roles.includes(member.role)) throw refuse(`Your role, ${member.role}, may not do this.`);
    const isOperator = member.role === 'operator';
    const actor = isOperator ? 'operator by API' : `${member.organisation}/${member.id}`;
    return {
      ...{ member, actor, changes: accounts.as(actor) },
      scope(asked) {
        if (isOperator) return asked;
        if (asked !== undefined && asked !== member.organisation) throw refuse('This is not your organisation.');
        return member.organisation;
      },
    };
  }

  const handle =
    (right: Right, work: (context: ApiContext, caller: Caller) => Response | Promise<Response>): Handler =>
    async (context) => {
      const caller = await admit(context, right);
      const { role, organisation } = caller.member;
      if (right.startsWith('change') && role !== 'operator' && !changes.take(organisation))
        throw new ApiError('too_many_requests', 'Too many changes; try again shortly.', { retryAfterS: 1 });
      try {
        return await work(context, caller);
      } catch (error) {
        throw error instanceof AccountError ? toRefusal(error) : error;
      }
    };

  async function readBody<T>(context: ApiContext, right: Right, schema: z.ZodType<T>): Promise<T> {
    const bytes = await readJsonBody(context, bodyLimits);
    // Check the right again: the caller may have lost it while its body arrived.
    await admit(context, right);
    return parseJsonBody(bytes, schema);
  }

  /** Finds a key that the caller may see. For other keys the answer is the same as for unknown ones. @throws AccountError */
  async function findKey(context: ApiContext, { member }: Caller): Promise<ApiKey> {
    const key = await accounts.getKey(context.req.param('id') ?? '');
    if (key && (member.role === 'operator' || key.organisation === member.organisation)) return key;
    throw new AccountError('unknown', 'there is no such key');
  }

  /** @throws ApiError `forbidden` */
  function readPlace({ req }: ApiContext, caller: Caller): { readonly organisation: string; readonly id: string } {
    const organisation = req.param('organisation') ?? '';
    caller.scope(organisation);
    return { organisation, id: req.param('id') ?? '' };
  }

  return {
    adminOrganisations: handle('read', async (context, caller) => {
      const own = caller.scope(undefined);
      const shown = (await accounts.listOrganisations()).filter(({ id }) => own === undefined || id === own);
      return list(context, await Promise.all(shown.map((one) => readOrganisation(books, one))));
    }),
    adminOrganisation: handle('changeOrganisations', async (context, { changes }) => {
      const {
        id,
        name,
        budget_atomic: budgetAtomic,
      } = await readBody(context, 'changeOrganisations', organisationBody);
      return showChange(context, { id }, await changes.putOrganisation({ id, name, budgetAtomic }));
    }),
    adminMembers: handle('read', async (context, caller) => {
      const organisation = caller.scope(context.req.query('organisation'));
      return list(context, (await accounts.listMembers(organisation ?? '')).map(showMember));
    }),
    adminMember: handle('changeMembers', async (context, caller) => {
      const terms = await readBody(context, 'changeMembers', memberBody);
      caller.scope(terms.organisation);
      return showChange(context, terms, await caller.changes.putMember(terms));
    }),
    adminMemberRotation: handle('changeMembers', async (context, caller) => {
      const { organisation, id } = readPlace(context, caller);
      return showSecret(context, { organisation, id }, await caller.changes.rotateMember(organisation, id));
    }),
    adminMemberRemoval: handle('changeMembers', async (context, caller) => {
      const { organisation, id } = readPlace(context, caller);
      await caller.changes.removeMember(organisation, id);
      return context.json({ organisation, id, outcome: 'changed' });
    }),
    adminKeys: handle('read', async (context, caller) => {
      const organisation = caller.scope(context.req.query('organisation'));
      const keys = await accounts.listKeys(organisation);
      return list(context, await Promise.all(keys.map(async (key) => showKey(key, await readSpending(books, key.id)))));
    }),
    adminKey: handle('changeKeys', async (context, caller) => {
      const body = await readBody(context, 'changeKeys', keyBody);
      caller.scope(body.organisation);
      const { key, secret } = await caller.changes.addKey({
        ...{ organisation: body.organisation, name: body.name, budgetAtomic: body.budget_atomic, models: body.models },
        dayBudgetAtomic: body.day_budget_atomic,
        expiresMs: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
        ...{ requestsPerMinute: body.requests_per_minute, tokensPerMinute: body.tokens_per_minute },
      });
      return showSecret(context, showKey(key, { spent: 0n, reserved: 0n }), secret);
    }),
    adminKeyRotation: handle('changeKeys', async (context, caller) => {
      const { id } = await findKey(context, caller);
      return showSecret(context, { id }, await caller.changes.rotateKey(id));
    }),
    adminKeyRevocation: handle('changeKeys', async (context, caller) => {
      const { id } = await findKey(context, caller);
      return showChange(context, { id }, await caller.changes.revokeKey(id));
    }),
    adminUsage: handle('read', async (context, caller) => {
      const { req } = context;
      const organisation = caller.scope(req.query('organisation'));
      const days = readDays({ from: req.query('from'), to: req.query('to') }, clock.nowMs());
      const rows = await readUsage(books, { organisation, ...days });
      return req.query('format') === 'csv'
        ? context.body(toUsageCsv(rows), 200, { 'content-type': 'text/csv; charset=utf-8' })
        : context.json(toUsageJson(rows, days));
    }),
    adminAudit: handle('readAudit', async (context, caller) => {
      const organisation = caller.scope(context.req.query('organisation'));
      return list(context, (await listChanges({ accounts, books }, organisation, MOST_AUDIT_LINES)).map(showAudit));
    }),
    adminCredits: handle('read', async (context, caller) => {
      const organisation = caller.scope(context.req.query('organisation')) ?? '';
      const account = nameAccount(organisation);
      const address = await findDepositAddress(books, organisation);
      return context.json({
        object: 'list',
        data: (await listCredits(books, account)).map(showCredit),
        transfers: (await books.read(() => listSignedDeposits(account))).map(showSignedDeposit),
        // Terms that a wallet signs, so that the gateway sends the transfer and the payer needs no gas.
        sign: deposits && address ? describeSignedDeposit(deposits, address) : null,
      });
    }),
    adminCredit: handle('changeCredit', async (context, { actor }) => {
      const body = await readBody(context, 'changeCredit', creditBody);
      const { organisation, reference, amount_atomic: amountAtomic } = body;
      const change = { accounts, books, actor, nowMs: clock.nowMs() };
      if (amountAtomic === undefined) {
        return showChange(context, { organisation }, await openAccountCredit(change, organisation));
      }
      const entry = { organisation, reference: reference ?? '', amountAtomic };
      return showChange(context, { organisation, reference: entry.reference }, await addOperatorCredit(change, entry));
    }),
    adminSignedDeposit: handle('changeDeposits', async (context, caller) => {
      const { organisation, ...given } = await readBody(context, 'changeDeposits', transferBody);
      caller.scope(organisation);
      if (deposits === undefined) throw new AccountError('forbidden', 'this gateway takes no deposits (--deposits)');
      const offer = parseSignedDeposit(given);
      const place = { books, nowMs: clock.nowMs(), terms: deposits };
      const isNew = await takeSignedDeposit(place, { organisation, offer, actor: caller.actor });
      return showChange(context, { organisation }, { outcome: isNew ? 'added' : 'unchanged' });
    }),
  };
}

const list = (context: ApiContext, data: readonly Json[]): Response => context.json({ object: 'list', data });

/** A secret is shown once, so nothing on the way may keep it. */
const showSecret = (context: ApiContext, place: Json, secret: string): Response =>
  context.json({ ...place, secret }, 200, { 'cache-control': 'no-store' });

const showChange = (context: ApiContext, place: Json, { outcome, secret }: Changed): Response =>
  secret === undefined ? context.json({ ...place, outcome }) : showSecret(context, { ...place, outcome }, secret);

const refuse = (why: string): ApiError => new ApiError('forbidden', why);

function toRefusal({ code, message }: AccountError): ApiError {
  if (code === 'unknown') return new ApiError('not_found', `${message}.`, { publicCode: 'unknown' });
  return new ApiError('invalid_request', `${message}.`, { publicCode: code });
}
