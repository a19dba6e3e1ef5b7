import { toHex, utf8Decode } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { DemoClaim } from './claims/claims.ts';
import { accountOf, replyIdOf, sum } from './claims/finding.ts';
import { listHeld } from './claims/held.ts';
import type { Account, RunRecord } from './run-record.ts';

export interface Timings {
  /** Until all daemons serve and all providers are on offer. */
  readonly startMs: number;
  readonly requestsMs: number;
  /** From the last answer until all was settled. */
  readonly settleMs: number;
  /** Of the network for pictures; 0 without one. */
  readonly picturesMs: number;
  /** Of the network with a model in segments; 0 without one. */
  readonly shardsMs: number;
  /** Of the network with models of the hub; 0 without one. */
  readonly hubMs: number;
  readonly totalMs: number;
}

export interface SummaryInput {
  readonly run: RunRecord;
  readonly claims: readonly DemoClaim[];
  readonly timings: Timings;
  readonly versions: Readonly<Record<string, string>>;
}

/** Builds the content of `--json`: docs/schema/demo-summary.schema.json. Amounts are decimal strings of atomic units. */
export async function summarize({ run, claims, timings, versions }: SummaryInput) {
  const nameOf = (providerId: Uint8Array): string =>
    run.members.find((member) => member.providerId === toHex(providerId))?.name ?? toHex(providerId);
  const ofAddress = (address: string): string =>
    run.members.find((member) => member.address === address)?.name ?? address;
  const held = listHeld(run);
  return {
    format: 'ogong-demo-summary-v1',
    ok: claims.every(({ ok }) => ok),
    cheat: run.cheat,
    claims: claims.map(({ id, statement, ok, evidence }) => ({ id, statement, ok, evidence: [...evidence] })),
    replies: await Promise.all(
      run.replies.map(async (reply) => {
        const { number, prompt, isStreamed, receipts, request, response, durationMs, firstTextMs, error } = reply;
        const order = receipts && parseOrder(receipts.full.order.bytes);
        const checks = receipts ? (await verifyReceipt(receipts.full, { ...run, request, response })).checks : [];
        return {
          number,
          prompt,
          streamed: isStreamed,
          replyId: replyIdOf(reply) ?? null,
          provider: order ? nameOf(order.providerId) : null,
          text: utf8Decode(response),
          error: error ?? null,
          firstTextMs: firstTextMs === undefined ? null : Math.round(firstTextMs),
          durationMs: Math.round(durationMs),
          checks: checks.map(({ id, status, detail }) => ({ id, status, detail })),
        };
      }),
    ),
    verdicts: run.logs.flatMap(({ validator, entries }) =>
      entries.map((entry) => ({
        validator,
        index: Number(entry.index),
        replyId: toHex(entry.replyId),
        provider: nameOf(entry.providerId),
        verdict: entry.verdict,
        evidence: entry.evidence,
        verifiers: entry.verifiers.length,
        ejects: entry.ejects,
        feeAtomic: entry.feeAtomic.toString(),
      })),
    ),
    settlements: run.settlements.map((settlement) => ({
      transaction: settlement.transaction,
      block: settlement.blockNumber,
      validator: settlement.validator,
      sequence: Number(settlement.sequence),
      replies: settlement.replies,
      debitedAtomic: sum(settlement.debits.map(({ amountAtomic }) => amountAtomic)).toString(),
      signers: settlement.signers.map(({ name }) => name),
      signedStakeAtomic: sum(settlement.signers.map(({ bondAtomic }) => bondAtomic)).toString(),
      totalStakeAtomic: settlement.totalBondAtomic.toString(),
      lines: settlement.lines.map(({ provider, router, grossAtomic, fineAtomic }) => ({
        provider: ofAddress(provider),
        router: ofAddress(router),
        grossAtomic: grossAtomic.toString(),
        fineAtomic: fineAtomic.toString(),
      })),
    })),
    balances: run.members.map(({ name, role, address }) => ({
      name,
      role,
      address,
      before: toJson(accountOf(run.books.before, address)),
      after: toJson(accountOf(run.books.after, address)),
    })),
    held: {
      until: held.until,
      parties: held.parties.map(({ name, heldAtomic }) => ({ name, heldAtomic: heldAtomic.toString() })),
    },
    timings: Object.fromEntries(Object.entries(timings).map(([name, value]) => [name, Math.round(value)])),
    versions,
  };
}

function toJson(account: Account | undefined): Record<string, string> {
  const {
    tokensAtomic = 0n,
    freeAtomic = 0n,
    reservedAtomic = 0n,
    spentAtomic = 0n,
    creditAtomic = 0n,
  } = account ?? {};
  const amounts = { tokensAtomic, freeAtomic, reservedAtomic, spentAtomic, creditAtomic };
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()]));
}
