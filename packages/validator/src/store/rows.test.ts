import { openStore, type Store } from '@ogong/host/store/store';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChannel } from './channel-store.ts';
import { keepAsks, readAsks } from './replies/opening-store.ts';
import { readReply } from './replies/reply-store.ts';
import { VALIDATOR_SCHEMA } from './schema.ts';
import { createTestStates, OWN_TESTS } from './sequential-store.ts';

const id = new Uint8Array(16).fill(1);
const key = new Uint8Array(32).fill(2);

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  store
    .prepare(
      `INSERT INTO replies (reply_id, state, order_bytes, order_hash, order_signature, payer, provider_id, max_fee, expires_at)
       VALUES (?, 'admitted', x'01', x'02', x'03', x'04', x'05', '340282366920938463463374607431768211455', 7)`,
    )
    .run(id);
});
afterEach(() => store.close());

describe('a table with rows of kilobytes', () => {
  it.each(['replies', 'deliveries', 'heard'])('has row ids: %s', (table) => {
    const kind = store.prepare('SELECT wr FROM pragma_table_list WHERE name = ?').get(table);
    // Without row ids each level of the tree has whole rows.
    expect(kind).toEqual({ wr: 0 });
  });
});

describe('a row', () => {
  it('comes back as it was written', () => {
    expect(readReply(store, id)).toMatchObject({
      state: 'admitted',
      maxFeeAtomic: 2n ** 128n - 1n,
      expiresAtMs: 7,
      admittedEpoch: 0n,
      admittedAtMs: 0,
      isForced: false,
      signedRecord: undefined,
      submission: undefined,
      feeAtomic: undefined,
    });
    const test = { audits: 3, rejects: 1, evidence: [0.5, 1e200], ejected: true };
    const lateness = { ...test, audits: 4, ejected: false, countedEpoch: -31n };
    const states = createTestStates(store, OWN_TESTS);
    expect(states.find(key)).toEqual(INITIAL_TESTS);
    for (const others of [undefined, { ...test, rejects: 2, suspect: key }]) {
      const balance = { credit: 7, debtAtomic: 2n ** 90n };
      const tests = {
        replies: test,
        lateness,
        provenMs: 12,
        balance,
        others,
        silence: { newest: 9, bits: 2 ** 48 - 1 },
      };
      states.put(key, tests);
      expect(states.find(key)).toEqual(tests);
    }
    expect(createTestStates(store, key).find(key)).toEqual(INITIAL_TESTS);
    const asks = { asks: 2, refusals: 1, waitedMs: 1.5, pauseMs: 8, dueAtMs: 9 };
    keepAsks(store, id, asks);
    expect(readAsks(store, id)).toEqual(asks);
  });

  it.each([
    ['an amount that is none', "max_fee = '1e3'", /max_fee .*"1e3", expected a decimal whole number/],
    ['a time in words', "expires_at = 'soon'", /expires_at .*"soon", expected a whole number/],
    ['a record without its key', "record = x'01', record_signature = x'02'", /provider_key .*NULL, expected bytes/],
    [
      'half of what was handed in',
      "record = x'01', provider_key = x'02', record_signature = x'03', header = x'04'",
      /header_proof .*NULL/,
    ],
    ['a switch beyond 1', 'forced = 2', /forced .*2, expected 0 or 1/],
  ])('is refused with %s, by the name of its column', (_what, set, expected) => {
    store.database.exec(`UPDATE replies SET ${set}`);
    expect(() => readReply(store, id)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(() => readReply(store, id)).toThrow(expected);
  });

  it('is refused if the evidence of a test or the account of a payer does not parse', () => {
    const states = createTestStates(store, OWN_TESTS);
    states.put(key, INITIAL_TESTS);
    store.database.exec("UPDATE tests SET evidence = '[null]'");
    expect(() => states.find(key)).toThrow(/evidence .*expected a JSON list of numbers/);
    store.database.exec("INSERT INTO channels VALUES (x'05', '0', x'', x'', '0', 'much', '0')");
    expect(() => readChannel(store, new Uint8Array([5]))).toThrow(/owed .*"much"/);
  });
});
