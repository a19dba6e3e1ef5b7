import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  areModelsNamed,
  buildSettlement,
  type Debt,
  encodeSettlement,
  type FindTests,
  parseSettlement,
  type ReadEntry,
  type Settlement,
} from '@ogong/protocol/settlement/batch';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import {
  computeGenesisPosition,
  type LogPosition,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import { findCovering, findUncollectable, groupByPayer, type OrderVoucher } from '../collect.ts';
import { CosignError, demand, NO_ENTRIES } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

/**
 * Time after which an entry that cannot be checked is refused. Most reasons disappear within hours. One that stays
 * would block all entries behind it.
 */
const UNCHECKED_AFTER_MS = 2 * OPENING_KEPT_MS;

/** Tells whether an entry is refused although it cannot be checked, see UNCHECKED_AFTER_MS. */
export function isUncheckable(
  { clock }: Pick<CosignState, 'clock'>,
  { timeMs }: Pick<VerdictEntry, 'timeMs'>,
  { code }: Pick<CosignError, 'code'>,
): boolean {
  return code === 'unavailable' && clock.nowMs() - timeMs > UNCHECKED_AFTER_MS;
}

/** @param from ledger address of the peer that asks. @throws CosignError */
export function readProposal(from: Uint8Array, bytes: Uint8Array): Settlement {
  let settlement: Settlement;
  try {
    settlement = parseSettlement(bytes);
  } catch (cause) {
    throw new CosignError('refuted', `the batch does not parse: ${(cause as Error).message}`, { cause });
  }
  demand(equalBytes(from, settlement.batch.validator), 'the batch belongs to another validator than the caller');
  return settlement;
}

/**
 * Finds the start of the batch's log: after the part that the chain has settled. @throws CosignError unless it is this
 * batch's turn.
 */
export async function findLogStart(
  { crypto, domain, anchorOf }: Pick<CosignState, 'crypto' | 'domain' | 'anchorOf'>,
  { validator, sequence }: Pick<Settlement['batch'], 'validator' | 'sequence'>,
): Promise<LogPosition> {
  const anchor = await anchorOf(validator).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the chain cannot be read', { cause });
  });
  if (sequence !== anchor.sequence + 1n) {
    throw new CosignError('not-next', `batch ${sequence}, the chain has settled ${anchor.sequence}`);
  }
  return anchor.sequence === 0n
    ? computeGenesisPosition(crypto, { chainId: domain.chainId, settlement: domain.verifyingContract, validator })
    : { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2), 32) };
}

/** Reads the batch's part of the log, from its start to the head that the batch names. @throws CosignError */
export function readLog(
  { crypto }: Pick<CosignState, 'crypto'>,
  { logLength, logHead }: Pick<Settlement['batch'], 'logLength' | 'logHead'>,
  start: LogPosition,
  logEntries: readonly Uint8Array[],
): readonly VerdictEntry[] {
  demand(logEntries.length > 0, NO_ENTRIES);
  demand(logEntries.length <= MAX_BATCH_ENTRIES, `a batch of ${logEntries.length} entries`);
  const { checks, entries } = verifyChain(crypto, {
    from: start,
    entries: logEntries,
    expected: { length: logLength, head: logHead },
  });
  const broken = checks.find(({ status }) => status === 'fail');
  demand(broken === undefined, `the log is invalid: ${broken?.detail}`);
  const ids = new Set(entries.map(({ replyId }) => toHex(replyId)));
  demand(ids.size === entries.length, 'a reply occurs twice in the batch');
  return entries;
}

/**
 * Finds the model of each entry, if the lines name models. It comes from the record that the entry names by its hash,
 * also if the entry was signed before. An entry without a record owes nothing.
 * @returns undefined if they name none.
 * @throws CosignError `unavailable` if they name models and makers have no share on the chain that this validator
 * reads, or the other way round.
 */
export function findModels(
  { crypto, namesModels }: Pick<CosignState, 'crypto' | 'namesModels'>,
  settlement: Pick<Settlement, 'lines'>,
  entries: readonly Pick<VerdictEntry, 'recordHash'>[],
  messages: readonly Pick<BatchEntry, 'record'>[],
): (Uint8Array | undefined)[] | undefined {
  const isNamed = areModelsNamed(settlement);
  const isAsked = namesModels?.() ?? false;
  if (isNamed !== undefined && isNamed !== isAsked) {
    const why = isAsked
      ? 'lines name no model, and makers have a share'
      : 'lines name models, and makers have no share';
    throw new CosignError('unavailable', `${why}, by the chain as it is seen here`);
  }
  if (!isNamed) return undefined;
  return entries.map(({ recordHash }, i) => {
    const record = messages[i]?.record?.record?.record;
    if (record === undefined || !equalBytes(hashRecord(crypto, record), recordHash)) return undefined;
    return parseRecordV2(record).modelRoot;
  });
}

/**
 * Checks that the batch equals the netting of its entries. The contract checks the vouchers, since only it knows the
 * channels exactly.
 * @throws CosignError
 */
export function assertNets(
  { crypto }: Pick<CosignState, 'crypto'>,
  settlement: Settlement,
  bytes: Uint8Array,
  {
    entries,
    findTests,
    modelRoots,
  }: {
    readonly entries: readonly ReadEntry[];
    readonly findTests: FindTests;
    readonly modelRoots?: readonly (Uint8Array | undefined)[] | undefined;
  },
): void {
  const { validator, sequence, logLength, logHead } = settlement.batch;
  let rebuilt: Settlement;
  try {
    rebuilt = buildSettlement(crypto, {
      validator,
      sequence,
      position: { length: logLength, head: logHead },
      entries,
      modelRoots,
      vouchers: settlement.debits,
      uncollectable: settlement.uncollectable,
      findTests,
    });
  } catch (cause) {
    throw new CosignError('refuted', `the entries do not settle: ${(cause as Error).message}`, { cause });
  }
  demand(equalBytes(encodeSettlement(rebuilt), bytes), 'the batch differs from the netting of its entries');
}

/**
 * Checks that exactly the payers that cannot be debited are left out. A payer that was left out before may stay out. So
 * a payer cannot delay a batch by emptying or filling its channel. @throws CosignError
 */
export async function checkUncollectable(
  { channelOf, isSigned = async () => true }: Pick<CosignState, 'channelOf' | 'isSigned'>,
  {
    batch,
    uncollectable,
  }: Pick<Settlement, 'uncollectable'> & { readonly batch: Pick<Settlement['batch'], 'validator'> },
  owing: readonly Debt[],
  before: readonly Uint8Array[],
  orders: readonly OrderVoucher[] = [],
): Promise<void> {
  const signedBy = groupByPayer(orders);
  const named = new Set(uncollectable.map(toHex));
  const concerned = new Set([...uncollectable, ...before].map(toHex));
  const debts = owing.filter(({ payer }) => concerned.has(toHex(payer)));
  const readChannel = (payer: Uint8Array) => channelOf(payer, batch.validator);
  const found = await findUncollectable(
    {
      readChannel,
      // Only the chain checks the order under which a payer is debited: it may be newer than those of the batch.
      isCovered: async (payer, least) => {
        const own = signedBy.get(toHex(payer)) ?? [];
        const isJudged = named.has(toHex(payer)) && own.length > 0;
        return !isJudged || (await findCovering(isSigned, own, least)) !== undefined;
      },
    },
    debts,
  ).catch((cause: unknown) => {
    throw new CosignError('unavailable', 'the channels cannot be read', { cause });
  });
  const undrawable = new Set(found.map(toHex));
  for (const payer of debts.map((debt) => toHex(debt.payer))) {
    demand(
      !named.has(payer) || undrawable.has(payer),
      `payer ${payer} can be debited, by the chain as this validator reads it`,
    );
    demand(named.has(payer) || !undrawable.has(payer), `payer ${payer} still cannot be debited`);
  }
}
