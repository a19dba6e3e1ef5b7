import { bigInteger, bytes, columns, flag, integer, named, oneOf, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { DRAW_KINDS, type DrawKind } from '@ogong/protocol/audit/secret-draw';
import { compareTests, MAX_REPORT_EPOCHS, MAX_REPORT_TESTS, type TestReport } from '@ogong/protocol/audit/test-report';
import { toHex } from '@ogong/protocol/base/bytes';

const kind = oneOf(DRAW_KINDS);
const drawFields = { epoch: bigInteger, proof: bytes } as const;
const testFields = {
  ...{ epoch: bigInteger, providerId: bytes, modelRoot: bytes, arrival: integer },
  isMissed: named('missed', flag),
} as const;
const drawColumns = columns(drawFields);
const keptDraw = columns({ kind, ...drawFields });
const testColumns = columns(testFields);
const keptTest = columns({ kind, ...testFields, tokens: optional(integer), tookMs: optional(integer) });
const speedColumns = columns({ providerId: bytes, tokens: integer, tookMs: integer });

/** Most tests of a model that are used for its providers' speeds. */
const MAX_MEASURED = 1_024;

export type TestRow = TestReport['tests'][number] & {
  readonly kind: DrawKind;
  /** Output tokens of the answer, and its duration, if measured. */
  readonly tokens: number | undefined;
  readonly tookMs: number | undefined;
};

/** Stores the proof of an epoch's draw once its tests have ended, and deletes tests that no report covers any more. */
export function putDraw(store: Store, draw: TestReport['draws'][number] & { readonly kind: DrawKind }): void {
  keptDraw.insert(store, 'INSERT OR REPLACE INTO test_draws', draw);
  const before = draw.epoch - BigInt(2 * MAX_REPORT_EPOCHS);
  for (const table of ['test_draws', 'provider_tests']) {
    store.prepare(`DELETE FROM ${table} WHERE kind = ? AND epoch < ?`).run(draw.kind, before);
  }
}

/** Stores a finished test. */
export function putTest(store: Store, test: TestRow): void {
  keptTest.insert(store, 'INSERT OR REPLACE INTO provider_tests', test);
}

/** Lists the draws and tests of the epochs in a report, without those in which a test still runs. @param until the last of them. */
export function listTests(store: Store, of: DrawKind, until: bigint): Pick<TestReport, 'draws' | 'tests'> {
  const from = until - BigInt(MAX_REPORT_EPOCHS - 1);
  const within = 'WHERE kind = ? AND epoch BETWEEN ? AND ?';
  const draws = drawColumns.all(
    store.prepare(`SELECT ${drawColumns.list} FROM test_draws ${within} ORDER BY epoch`),
    ...[of, from, until],
  );
  const ended = 'AND epoch IN (SELECT epoch FROM test_draws WHERE kind = ?)';
  const newest = store.prepare(
    `SELECT ${testColumns.list} FROM provider_tests ${within} ${ended} ORDER BY epoch DESC LIMIT ?`,
  );
  const tests = testColumns.all(newest, ...[of, from, until, of, MAX_REPORT_TESTS]).sort(compareTests);
  const tested = new Set(tests.map(({ epoch }) => epoch));
  return { draws: draws.filter(({ epoch }) => tested.has(epoch)), tests };
}

/** Lists the measured speeds of the newest tests of a model, in output tokens per second, by provider (hex). */
export function listTestedSpeeds(store: Store, modelRoot: Uint8Array): ReadonlyMap<string, readonly number[]> {
  const newest = store.prepare(
    `SELECT ${speedColumns.list} FROM provider_tests WHERE model_root = ? AND took_ms IS NOT NULL ORDER BY epoch DESC LIMIT ?`,
  );
  const tests = Map.groupBy(speedColumns.all(newest, modelRoot, MAX_MEASURED), ({ providerId }) => toHex(providerId));
  return new Map([...tests].map(([id, all]) => [id, all.map(({ tokens, tookMs }) => (1_000 * tokens) / tookMs)]));
}
