import type { Store } from '@ogong/host/store/store';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { IS_SETTLED } from '@ogong/validator/store/replies/reply-states';
import { indexOf } from '../lies/lie-names.ts';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

export interface ReservationContext {
  /** Honest validators and gateways. */
  readonly validators: readonly Machine[];
  readonly gateways: readonly Machine[];
  /** Since when there are no faults, Unix time. */
  readonly wellMs: number;
}

const VALIDATORS = 'SELECT payer, owed, outstanding FROM channels';
const OPEN = `SELECT state, max_fee, fee, entry FROM replies LEFT JOIN log USING (reply_id)
  WHERE payer = ? AND state <> 'refused' AND NOT (${IS_SETTLED})`;
const GATEWAYS = "SELECT reply_id, validator, max_fee, created_ms, expires_ms FROM orders WHERE state <> 'closed'";
const OF_KEYS = 'SELECT reserved FROM spending';
const OF_CHANNELS = 'SELECT validator, outstanding FROM channels';
const DECIDED = "SELECT entry FROM log JOIN replies USING (reply_id) WHERE reply_id = ? AND state <> 'refused'";
const KNOWN = 'SELECT 1 FROM replies WHERE reply_id = ?';
/** An order that its validator never saw is dropped this long after its expiry. */
const UNSEEN_MS = 60_000;
/** A gateway repeats its question about an order after a quarter more of the waiting time, plus seconds for links and rounds. */
const PATIENCE = 1 / 4;
const ROUND_MS = 20_000;

/**
 * Checks the reservations of honest validators and gateways. The reserved amount is at most the cost of the open orders. No order
 * stays open after its honest validator has finished it.
 */
export function checkReservations(
  world: Pick<World, 'seed' | 'time' | 'violate'>,
  { validators, gateways, wellMs }: ReservationContext,
): void {
  const violate = (detail: string): void => world.violate('what-is-reserved-comes-back', detail);
  const stores = new Map<string, Store>();
  for (const { name, disk } of validators) {
    const store = disk.find('validator');
    if (store === undefined) continue;
    stores.set(toHex(listValidator(world.seed, indexOf(name)).address), store);
    for (const { payer, owed, outstanding } of store.prepare(VALIDATORS).all()) {
      const due = sumOpen(store, payer as Uint8Array);
      const whom = `of ${toHex(payer as Uint8Array)} at ${name}`;
      if (BigInt(outstanding as string) !== due.outstanding)
        violate(`${outstanding} reserved ${whom}, ${due.outstanding} for its open orders`);
      if (BigInt(owed as string) !== due.owed) violate(`${owed} owed ${whom}, ${due.owed} for its replies`);
    }
  }
  const nowMs = world.time.wallMs();
  for (const { name, disk } of gateways) {
    const store = disk.find('gateway');
    if (store === undefined) continue;
    const reserved = new Map<string, bigint>();
    for (const row of store.prepare(GATEWAYS).all()) {
      const { reply_id: id, validator, max_fee: most } = row;
      reserved.set(validator as string, (reserved.get(validator as string) ?? 0n) + BigInt(most as string));
      const handler = stores.get(validator as string);
      const endMs = handler && findEnd(handler, row);
      if (endMs === undefined) continue;
      const toldMs = Math.max(endMs, wellMs);
      const mostMs = toldMs + (toldMs - (row.created_ms as number)) * PATIENCE + ROUND_MS;
      if (nowMs > mostMs) violate(`${name} still has ${most} put by for ${id}, over ${nowMs - endMs} ms ago`);
    }
    for (const { validator, outstanding } of store.prepare(OF_CHANNELS).all()) {
      const due = reserved.get(validator as string) ?? 0n;
      if (BigInt(outstanding as string) !== due) violate(`${name} has ${outstanding} put by, ${due} for open orders`);
    }
    const ofKeys = store.prepare(OF_KEYS).all();
    const [ofAll, due] = [sum(ofKeys.map((row) => row.reserved)), sum([...reserved.values()])];
    if (ofAll !== due) violate(`${name} has ${ofAll} of keys put by, ${due} for open orders`);
  }
}

const sum = (amounts: readonly unknown[]): bigint =>
  amounts.reduce<bigint>((total, one) => total + BigInt(one as string | bigint), 0n);

/** When a validator could first say that an order is over; undefined while it cannot. */
function findEnd(store: Store, order: Record<string, unknown>): number | undefined {
  const id = fromHex(order.reply_id as string);
  const decided = store.prepare(DECIDED).get(id);
  if (decided) return parseVerdictEntry(decided.entry as Uint8Array).timeMs;
  return store.prepare(KNOWN).get(id) ? undefined : (order.expires_ms as number) + UNSEEN_MS;
}

function sumOpen(store: Store, payer: Uint8Array): { readonly outstanding: bigint; readonly owed: bigint } {
  let [outstanding, owed] = [0n, 0n];
  for (const { state, max_fee: most, fee, entry } of store.prepare(OPEN).all(payer)) {
    if (state === 'admitted') outstanding += BigInt(most as string);
    else if (entry) owed += parseVerdictEntry(entry as Uint8Array).feeAtomic;
    else owed += BigInt((fee as string | null) ?? '0');
  }
  return { outstanding, owed };
}
