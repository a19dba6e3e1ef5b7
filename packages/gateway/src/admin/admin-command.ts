import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import type { Json } from '@ogong/host/openai/format';
import { bytes, columns, named } from '@ogong/host/store/columns';
import { findOne } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { Changed } from '../books/account-changes.ts';
import { AccountError, type KeyTerms, type MemberTerms, type Organisation } from '../books/account-rows.ts';
import type { Accounts } from '../books/accounts.ts';
import { type ArchivePlace, readArchived } from '../books/archive.ts';
import { listChanges } from '../books/credit-log.ts';
import { addCredit, findGranted, listCredits, openCredit } from '../books/credit-store.ts';
import { listDeposits } from '../books/deposits.ts';
import { importBooks } from '../books/import-books.ts';
import { reconcile } from '../books/reconcile.ts';
import {
  describeSignedDeposit,
  parseSignedDeposit,
  type SignedDepositTerms,
  takeSignedDeposit,
} from '../books/signed-deposits.ts';
import { nameAccount, readSpending } from '../books/spending-store.ts';
import { readDays, readUsage, toUsageCsv, toUsageJson } from '../front/usage-handler.ts';
import { showAudit, showCredit, showKey, showMember, showOrganisation } from './admin-view.ts';
import { reconcileChain } from './reconcile-chain.ts';

export interface AdminCommand {
  readonly positionals: readonly string[];
  readonly accounts: Accounts;
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  /** Name of the operator that runs the command, for the log. */
  readonly actor: string;
  readonly isJson: boolean;
  readonly nowMs: number;
  readonly organisation: string | undefined;
  readonly name: string | undefined;
  readonly role: MemberTerms['role'];
  readonly maxSpendAtomic: bigint | undefined;
  /** Of a new key, on one day in UTC. */
  readonly maxSpendPerDayAtomic: bigint | undefined;
  /** How long a new key is valid. */
  readonly lifetimeMs: number | undefined;
  /** Models that a new key may ask for, as one list with commas. */
  readonly models: string | undefined;
  /** Amount of credit; below 0 takes credit back. */
  readonly amountAtomic: bigint | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  /** Place of the SQLite files. */
  readonly files?: { readonly dataDir: string; readonly accounts?: string | undefined } | undefined;
  /** Place of archived receipts. */
  readonly archive?: ArchivePlace | undefined;
  /** Opens a client of the chain. */
  readonly client?: (() => Promise<ChainClient>) | undefined;
  /** The network's token, if it is known. */
  readonly deposits?: SignedDepositTerms | undefined;
  /** A file with a transfer that its payer signed. */
  readonly transfer?: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** The text to print, and whether the result is good. */
export interface AdminOutput {
  readonly text: string;
  readonly isOk: boolean;
}

const AUDIT_LINES = 1_000;
/** Verbs of `admin`. */
export const ADMIN_VERBS = [
  'secret',
  'org put <id>, org list',
  'member put <org> <id>, member list <org>, member rotate <org> <id>, member remove <org> <id>',
  'key add, key list, key rotate <id>, key revoke <id>',
  'credit open <org>, credit add <org> <reference>, credit list <org>, credit terms <org>, credit transfer <org>',
  'archive show <reply id>',
  'database import',
  'usage, audit, reconcile',
].join(', ');

type Verb = (command: AdminCommand, ids: readonly string[]) => Promise<Json | readonly Json[] | AdminOutput>;
const ENTRIES: Readonly<Record<string, readonly [ids: number, run: Verb]>> = {
  secret: [0, async ({ accounts, actor }) => ({ secret: await accounts.as(actor).makeOperatorSecret() })],
  'org put': [1, putOrganisation],
  'org list': [
    0,
    async ({ accounts, books }) => {
      const shown = await accounts.listOrganisations();
      return Promise.all(shown.map((one) => readOrganisation(books, one)));
    },
  ],
  'credit open': [
    1,
    async (command, [organisation = '']) =>
      showChanged({ organisation }, await openAccountCredit(command, organisation)),
  ],
  'credit terms': [1, showTransferTerms],
  'credit transfer': [1, takeTransfer],
  'credit add': [2, addOwnCredit],
  'credit list': [
    1,
    async ({ books }, [organisation = '']) => (await listCredits(books, nameAccount(organisation))).map(showCredit),
  ],
  'member put': [
    2,
    async ({ accounts, actor, role }, [organisation = '', id = '']) =>
      showChanged({ organisation, id, role }, await accounts.as(actor).putMember({ organisation, id, role })),
  ],
  'member list': [
    1,
    async ({ accounts }, [organisation = '']) => (await accounts.listMembers(organisation)).map(showMember),
  ],
  'member rotate': [
    2,
    async ({ accounts, actor }, [organisation = '', id = '']) => ({
      ...{ organisation, id },
      secret: await accounts.as(actor).rotateMember(organisation, id),
    }),
  ],
  'member remove': [
    2,
    async ({ accounts, actor }, [organisation = '', id = '']) => {
      const isThere = (await accounts.listMembers(organisation)).some((member) => member.id === id);
      if (isThere) await accounts.as(actor).removeMember(organisation, id);
      return showChanged({ organisation, id }, { outcome: isThere ? 'changed' : 'unchanged' });
    },
  ],
  'key add': [0, addKey],
  'key list': [
    0,
    async ({ accounts, organisation, books }) => {
      const keys = await accounts.listKeys(organisation);
      return Promise.all(keys.map(async (key) => showKey(key, await readSpending(books, key.id))));
    },
  ],
  'key rotate': [1, async ({ accounts, actor }, [id = '']) => ({ id, secret: await accounts.as(actor).rotateKey(id) })],
  'key revoke': [
    1,
    async ({ accounts, actor }, [id = '']) => showChanged({ id }, await accounts.as(actor).revokeKey(id)),
  ],
  usage: [0, showUsage],
  audit: [0, async (command) => (await listChanges(command, command.organisation, AUDIT_LINES)).map(showAudit)],
  'archive show': [1, showArchived],
  'database import': [0, bringBooks],
  reconcile: [0, showReconciliation],
};

/** @throws AccountError */
export async function runAdminCommand(command: AdminCommand): Promise<AdminOutput> {
  const [first = '', second = '', ...rest] = command.positionals;
  const isOne = Object.hasOwn(ENTRIES, first);
  const verb = isOne ? first : `${first} ${second}`;
  const [ids, run] = (Object.hasOwn(ENTRIES, verb) && ENTRIES[verb]) || [];
  const given = isOne ? command.positionals.slice(1) : rest;
  if (run === undefined || given.length !== ids) throw new AccountError('usage', `say one of: ${ADMIN_VERBS}`);
  const found = await run(command, given);
  if ('isOk' in found && 'text' in found) return found as AdminOutput;
  return { text: command.isJson ? `${JSON.stringify(found)}\n` : toText(found as Json), isOk: true };
}

async function putOrganisation(
  { accounts, actor, name, maxSpendAtomic }: AdminCommand,
  [id = '']: readonly string[],
): Promise<Json> {
  const known: Partial<Organisation> = (await accounts.listOrganisations()).find((one) => one.id === id) ?? {};
  // Fields that the command leaves out stay as they are.
  const terms = { id, name: name ?? known.name ?? id, budgetAtomic: maxSpendAtomic ?? known.budgetAtomic };
  return showChanged({ id }, await accounts.as(actor).putOrganisation(terms));
}

async function addKey(command: AdminCommand): Promise<Json> {
  const { accounts, actor, organisation = '', name = 'unnamed', lifetimeMs, models, nowMs } = command;
  const terms: KeyTerms = {
    ...{ organisation, name, budgetAtomic: command.maxSpendAtomic },
    dayBudgetAtomic: command.maxSpendPerDayAtomic,
    expiresMs: lifetimeMs === undefined ? undefined : nowMs + lifetimeMs,
    models: models?.split(',').map((model) => model.trim()),
    ...{ requestsPerMinute: command.requestsPerMinute, tokensPerMinute: command.tokensPerMinute },
  };
  const { key, secret } = await accounts.as(actor).addKey(terms);
  return { id: key.id, organisation, name, secret };
}

/** Reads an organisation with its spending and its credit. */
export async function readOrganisation(books: WorkStore, one: Organisation): Promise<Json> {
  const account = nameAccount(one.id);
  const granted = await books.read(() => findGranted(account));
  const shown = showOrganisation(one, await readSpending(books, account), granted);
  return { ...shown, deposit_address: granted === undefined ? null : await findDepositAddress(books, one.id) };
}

/** @throws AccountError */
async function assertOrganisation(accounts: Accounts, id: string): Promise<void> {
  if ((await accounts.listOrganisations()).some((one) => one.id === id)) return;
  throw new AccountError('unknown', `there is no organisation ${id}`);
}

export type CreditChange = Pick<AdminCommand, 'accounts' | 'books' | 'actor' | 'nowMs'>;

/** Opens credit: from now on the organisation may spend its credit only. @throws AccountError */
export async function openAccountCredit(
  { accounts, books, actor, nowMs }: CreditChange,
  organisation: string,
): Promise<Changed> {
  await assertOrganisation(accounts, organisation);
  const isNew = await books.write(() => openCredit(nameAccount(organisation), nowMs));
  if (isNew) await accounts.as(actor).noteCreditOpened(organisation);
  return { outcome: isNew ? 'added' : 'unchanged' };
}

/** Adds credit that the operator was paid for elsewhere. Its reference counts once. @throws AccountError */
export async function addOperatorCredit(
  { accounts, books, actor, nowMs }: CreditChange,
  {
    organisation,
    reference,
    amountAtomic,
  }: Readonly<Record<'organisation' | 'reference', string>> & {
    readonly amountAtomic: bigint;
  },
): Promise<Changed> {
  await assertOrganisation(accounts, organisation);
  if (!/^[\x21-\x7e]{1,100}$/.test(reference))
    throw new AccountError('usage', 'reference: up to 100 letters, digits and signs without blanks are expected');
  const account = nameAccount(organisation);
  const entry = { id: `operator:${reference}`, account, amountAtomic, detail: `by ${actor}`, madeMs: nowMs };
  const isNew = await books.write(() => addCredit(entry));
  return { outcome: isNew ? 'added' : 'unchanged' };
}

async function addOwnCredit(
  command: AdminCommand,
  [organisation = '', reference = '']: readonly string[],
): Promise<Json> {
  const { amountAtomic } = command;
  if (amountAtomic === undefined) throw new AccountError('usage', 'say how much by --amount, in atomic units');
  return showChanged(
    { organisation, reference },
    await addOperatorCredit(command, { organisation, reference, amountAtomic }),
  );
}

const NO_TOKEN = 'say which network by --deployment: its token is what is signed for';

/** Prints the terms that the payer's wallet has to sign. */
async function showTransferTerms(
  { books, deposits }: AdminCommand,
  [organisation = '']: readonly string[],
): Promise<AdminOutput> {
  if (deposits === undefined) throw new AccountError('usage', NO_TOKEN);
  const address = await findDepositAddress(books, organisation);
  if (address === null) throw new AccountError('unknown', `${organisation} has no address yet: open its credit first`);
  return { text: `${JSON.stringify(describeSignedDeposit(deposits, address), undefined, 2)}\n`, isOk: true };
}

async function takeTransfer(
  { books, deposits, transfer, actor, nowMs }: AdminCommand,
  [organisation = '']: readonly string[],
): Promise<Json> {
  if (deposits === undefined) throw new AccountError('usage', NO_TOKEN);
  if (transfer === undefined) throw new AccountError('usage', 'say where the signed transfer is, by --transfer');
  let given: unknown;
  try {
    given = JSON.parse(transfer);
  } catch {
    throw new AccountError('usage', '--transfer: the file is not JSON');
  }
  const offer = parseSignedDeposit(given);
  const isNew = await takeSignedDeposit({ books, nowMs, terms: deposits }, { organisation, offer, actor });
  return showChanged({ organisation }, { outcome: isNew ? 'added' : 'unchanged' });
}

/** Finds the address for an organisation's tokens; null if the gateway has made none yet. */
export async function findDepositAddress(books: WorkStore, organisation: string): Promise<Address | null> {
  const deposits = await books.read(listDeposits);
  return deposits.find(({ account }) => account === nameAccount(organisation))?.address ?? null;
}

async function showUsage({ organisation, books, isJson, from, to, nowMs }: AdminCommand): Promise<AdminOutput> {
  const days = readDays({ from, to }, nowMs);
  const rows = await readUsage(books, { organisation, ...days });
  return { text: isJson ? `${JSON.stringify(toUsageJson(rows, days))}\n` : toUsageCsv(rows), isOk: true };
}

async function showReconciliation({ books, isJson, client }: AdminCommand): Promise<AdminOutput> {
  const payer = client && (await findPayer(books));
  const onChain = client && payer ? await reconcileChain(books, await client(), payer) : [];
  const found = [...(await reconcile(books)), ...onChain].map(({ what, bookedAtomic, foundAtomic }) => ({
    what,
    booked_atomic: `${bookedAtomic}`,
    found_atomic: `${foundAtomic}`,
  }));
  const isOk = found.length === 0;
  if (isJson) return { text: `${JSON.stringify({ ok: isOk, discrepancies: found })}\n`, isOk };
  return { text: isOk ? 'all books agree\n' : toText(found), isOk };
}

/** Finds the signer of the gateway's orders; undefined before the first one. */
async function findPayer(books: WorkStore): Promise<Address | undefined> {
  const row = columns({ order: named('order_bytes', bytes) });
  const first = await books.read(() => findOne(row, `SELECT ${row.list} FROM orders LIMIT 1`));
  return first && `0x${toHex(parseOrder(first.order).payer)}`;
}

/** Moves the SQLite files of this gateway into the database. */
async function bringBooks({ books, isJson, files }: AdminCommand): Promise<AdminOutput> {
  if (files === undefined || !books.isShared) throw new AccountError('usage', 'say into which database, by --database');
  const { outcome, tables } = await importBooks(books, files);
  if (isJson) return { text: `${JSON.stringify({ outcome, tables })}\n`, isOk: true };
  const shown = tables.map(({ table, rows, sums }) => ({ table, rows, ...sums }));
  return { text: `outcome=${outcome}\n${outcome === 'added' ? toText(shown) : ''}`, isOk: true };
}

/** Prints an archived receipt as the API shows it, so that it can be checked. */
async function showArchived({ books, archive }: AdminCommand, [replyId = '']: readonly string[]): Promise<AdminOutput> {
  if (archive === undefined) throw new AccountError('usage', 'say where the archive is, by --archive-url');
  return { text: `${JSON.stringify(await readArchived(books, archive, replyId))}\n`, isOk: true };
}

const showChanged = (place: Json, { outcome, secret }: Changed): Json => ({
  ...place,
  outcome,
  ...(secret !== undefined && { secret }),
});

/** Prints one row a line, and a secret on a line of its own, so that it can be copied. */
function toText(found: Json | readonly Json[]): string {
  const rows: readonly Json[] = Array.isArray(found) ? found : [found as Json];
  if (rows.length === 0) return 'none\n';
  return rows
    .map(({ secret, ...fields }) => {
      const line = Object.entries(fields)
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : value}`)
        .join('  ');
      if (secret === undefined) return `${line}\n`;
      return `${line}${line === '' ? '' : '; '}the secret is shown only now:\n${secret}\n`;
    })
    .join('');
}
