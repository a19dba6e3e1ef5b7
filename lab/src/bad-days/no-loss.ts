import { toHex } from '@ogong/protocol/base/bytes';
import { isBillable, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type Finding, judge } from '../demo/claims/finding.ts';
import type { RunRecord } from '../demo/run-record.ts';
import type { GatewayAccounts, GatewayOrder, ProviderAccounts } from './stores.ts';

/** A reply as its validator reports it. A reply that the validator never admitted has no view. */
export interface ReplyView {
  readonly state: string;
  readonly verdict: string;
}

export interface ChainChannel {
  /** Hex, without 0x. */
  readonly validator: string;
  readonly admittedAtomic: bigint;
  readonly spentAtomic: bigint;
}

/** The accounts of a network at rest after bad days: its members', its chain's and its consumer's. */
export interface RestRecord {
  readonly run: Pick<RunRecord, 'logs' | 'members'>;
  readonly gateway: GatewayAccounts;
  readonly providers: readonly ProviderAccounts[];
  readonly views: ReadonlyMap<string, ReplyView>;
  /** Ids of replies whose record a validator was once seen to have. */
  readonly acknowledged: ReadonlySet<string>;
  readonly channels: readonly ChainChannel[];
}

/** Checks that every order reached one end, and that gateway, validator, log and chain agree on it. */
export function checkNothingLost(record: RestRecord): Finding {
  const problems: string[] = [];
  const { gateway, providers, views, acknowledged, channels } = record;
  const entries = listEntries(record);
  for (const { waiting, refused } of providers) {
    for (const id of waiting) problems.push(`reply ${short(id)}: its record is still with the provider`);
    for (const id of refused) problems.push(`reply ${short(id)}: its record was refused for good`);
  }
  for (const id of acknowledged) {
    const view = views.get(id);
    if (view?.state !== 'settled' || !isPaid(view.verdict)) {
      problems.push(`reply ${short(id)} was acknowledged and ended as ${view?.state} ${view?.verdict}`);
    }
  }
  for (const order of gateway.orders)
    problems.push(...checkOrder(order, views.get(order.replyId), entries.get(order.replyId) ?? []));
  const ordered = new Set(gateway.orders.map(({ replyId }) => replyId));
  for (const id of entries.keys())
    if (!ordered.has(id)) problems.push(`reply ${short(id)} was judged and never ordered`);
  for (const channel of channels) problems.push(...checkChannel(channel, record, entries));
  const count = (wanted: string): number => [...views.values()].filter(({ verdict }) => verdict === wanted).length;
  return judge(problems, [
    `${gateway.orders.length} orders: ${count('accept')} accepted, ${count('inconclusive')} inconclusive, ${count('abandoned')} abandoned, ${gateway.orders.length - views.size} never admitted`,
    `${acknowledged.size} records were acknowledged, each is settled`,
  ]);
}

interface LoggedEntry {
  readonly validator: string;
  readonly entry: VerdictEntry;
}

function listEntries({ run: { logs, members } }: RestRecord): Map<string, LoggedEntry[]> {
  const addressOf = (name: string): string => members.find((member) => member.name === name)?.address.slice(2) ?? name;
  const entries = new Map<string, LoggedEntry[]>();
  for (const { validator, entries: logged } of logs) {
    for (const entry of logged) {
      const id = toHex(entry.replyId);
      entries.set(id, [...(entries.get(id) ?? []), { validator: addressOf(validator), entry }]);
    }
  }
  return entries;
}

function checkOrder(order: GatewayOrder, view: ReplyView | undefined, logged: readonly LoggedEntry[]): string[] {
  const name = `order ${short(order.replyId)}`;
  const problems: string[] = [];
  if (order.state !== 'closed') problems.push(`${name} is ${order.state} at the gateway`);
  if (view === undefined) {
    if (order.verdict !== 'never-admitted' || order.feeAtomic !== 0n) {
      problems.push(`${name} was never admitted, and closed as ${order.verdict} for ${order.feeAtomic}`);
    }
    if (logged.length > 0) problems.push(`${name} was never admitted, and has a verdict`);
    return problems;
  }
  if (view.state !== 'settled' && view.state !== 'abandoned') problems.push(`${name} ended as ${view.state}`);
  const [first] = logged;
  if (logged.length !== 1 || first === undefined) return [...problems, `${name} has ${logged.length} verdicts`];
  const { entry, validator } = first;
  if (validator !== order.validator) problems.push(`${name} has a verdict of ${validator}, which does not handle it`);
  if (entry.verdict !== view.verdict || entry.verdict !== order.verdict) {
    problems.push(
      `${name}: the log says ${entry.verdict}, the validator ${view.verdict}, the gateway ${order.verdict}`,
    );
  }
  if (entry.feeAtomic !== order.feeAtomic)
    problems.push(`${name}: ${entry.feeAtomic} was charged, the gateway books ${order.feeAtomic}`);
  if (entry.feeAtomic > order.maxFeeAtomic)
    problems.push(`${name}: ${entry.feeAtomic} was charged, at most ${order.maxFeeAtomic} was signed for`);
  if (!isPaid(entry.verdict) && entry.feeAtomic !== 0n) problems.push(`${name} is ${entry.verdict} and was paid`);
  return problems;
}

function checkChannel(
  { validator, admittedAtomic, spentAtomic }: ChainChannel,
  { gateway }: RestRecord,
  entries: ReadonlyMap<string, readonly LoggedEntry[]>,
): string[] {
  const name = `channel with ${short(validator)}`;
  const problems: string[] = [];
  const charged = [...entries.values()]
    .flat()
    .filter((logged) => logged.validator === validator)
    .reduce((sum, { entry }) => sum + entry.feeAtomic, 0n);
  if (spentAtomic !== charged) problems.push(`${name}: ${spentAtomic} was drawn, its replies cost ${charged}`);
  if (spentAtomic > admittedAtomic) problems.push(`${name}: ${spentAtomic} was drawn of ${admittedAtomic}`);
  const own = gateway.channels.find((channel) => channel.validator === validator);
  if (own === undefined) return spentAtomic === 0n ? problems : [...problems, `${name} is unknown to the gateway`];
  if (own.owedAtomic !== spentAtomic)
    problems.push(`${name}: the gateway owes ${own.owedAtomic}, ${spentAtomic} was drawn`);
  if (own.outstandingAtomic !== 0n) problems.push(`${name}: ${own.outstandingAtomic} is still reserved`);
  if (own.cumulativeAtomic < spentAtomic)
    problems.push(`${name}: ${spentAtomic} was drawn on a voucher of ${own.cumulativeAtomic}`);
  return problems;
}

const isPaid = (verdict: string): boolean => isBillable(verdict as VerdictEntry['verdict']);
const short = (id: string): string => id.slice(0, 8);
