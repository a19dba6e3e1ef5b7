import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fromBinary } from '@bufbuild/protobuf';
import type { Store } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** One order in the gateway's own accounts; ids and addresses are hex. */
export interface GatewayOrder {
  readonly replyId: string;
  readonly validator: string;
  readonly state: string;
  readonly verdict: string;
  readonly maxFeeAtomic: bigint;
  readonly feeAtomic: bigint | undefined;
}

export interface GatewayChannel {
  readonly validator: string;
  readonly cumulativeAtomic: bigint;
  readonly owedAtomic: bigint;
  readonly outstandingAtomic: bigint;
}

export interface GatewayAccounts {
  readonly orders: readonly GatewayOrder[];
  readonly channels: readonly GatewayChannel[];
}

/** Records that a provider still has to deliver, and records that a validator refused for good. */
export interface ProviderAccounts {
  readonly waiting: readonly string[];
  readonly refused: readonly string[];
}

export function readGateway(directory: string): GatewayAccounts {
  return readStore(join(directory, 'gateway', 'gateway.db'), (all) => ({
    orders: all('SELECT * FROM orders ORDER BY created_ms').map((row) => ({
      replyId: row.reply_id as string,
      validator: row.validator as string,
      state: row.state as string,
      verdict: row.verdict as string,
      maxFeeAtomic: BigInt(row.max_fee as string),
      feeAtomic: row.fee === null ? undefined : BigInt(row.fee as string),
    })),
    channels: all('SELECT * FROM channels').map((row) => ({
      validator: row.validator as string,
      cumulativeAtomic: BigInt(row.cumulative as string),
      owedAtomic: BigInt(row.owed as string),
      outstandingAtomic: BigInt(row.outstanding as string),
    })),
  }));
}

/** The order that the gateway signed last. @param requestHash of the request, where others ask meanwhile. */
export function readLastOrder(directory: string, requestHash?: Uint8Array): Uint8Array | undefined {
  return readStore(join(directory, 'gateway', 'gateway.db'), (all) => {
    const orders = all('SELECT order_bytes FROM orders ORDER BY rowid DESC').map(
      (row) => row.order_bytes as Uint8Array,
    );
    return orders.find((order) => requestHash === undefined || equalBytes(parseOrder(order).requestHash, requestHash));
  });
}

/** How often a validator has asked for an opening in vain; undefined if it has not asked, or no longer asks. */
export function readAsks(directory: string, validator: string, replyId: Uint8Array): number | undefined {
  const id = toHex(replyId);
  return readStore(join(directory, validator, 'validator.db'), (all) => {
    const row = all('SELECT reply_id, asks FROM opening_asks').find((one) => toHex(one.reply_id as Uint8Array) === id);
    return row?.asks as number | undefined;
  });
}

/** How far a validator is with a reply; undefined where it does not know it. @param replyId hex. */
export function readReplyState(directory: string, validator: string, replyId: string): string | undefined {
  return readStore(join(directory, validator, 'validator.db'), (all) => {
    const row = all('SELECT reply_id, state FROM replies').find((one) => toHex(one.reply_id as Uint8Array) === replyId);
    return row?.state as string | undefined;
  });
}

export function readProvider(directory: string, name: string): ProviderAccounts {
  return readStore(join(directory, name, 'provider.db'), (all) => {
    const ids = (sql: string): string[] => all(sql).map((row) => toHex(row.reply_id as Uint8Array));
    return {
      waiting: ids('SELECT reply_id FROM outbox WHERE refused IS NULL'),
      refused: ids('SELECT reply_id FROM outbox WHERE refused IS NOT NULL'),
    };
  });
}

/** The exact body that a provider answered with a reply; undefined where it does not know the reply, or does not keep the body. */
export function readServedRequest(directory: string, name: string, replyId: Uint8Array): Uint8Array | undefined {
  const id = toHex(replyId);
  return readStore(join(directory, name, 'provider.db'), (all) => {
    const rows = all('SELECT reply_id, message FROM intake UNION ALL SELECT reply_id, message FROM outbox');
    const message = rows.find((row) => toHex(row.reply_id as Uint8Array) === id)?.message as Uint8Array | undefined;
    const body = message && fromBinary(PushRecordRequestSchema, message).request;
    return body?.length ? body : undefined;
  });
}

type Rows = Record<string, unknown>[];

function readStore<T>(path: string, read: (all: (sql: string) => Rows) => T): T {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    return read((sql) => database.prepare(sql).all());
  } finally {
    database.close();
  }
}

/** Tables that a daemon writes by itself over time. Calls of strangers do not matter. */
const OWN_TABLES = ['known_set'];

/** Returns all rows that calls of others leave in a daemon, as text. */
export function dumpStore(store: Store): string {
  return store.read(({ prepare }) => {
    const tables = prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    const kept = tables.filter(({ name }) => !OWN_TABLES.includes(name as string));
    const rows = kept.map(({ name }) => [name, prepare(`SELECT * FROM "${name}"`).all()]);
    return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
  });
}
