import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import {
  createTableFile,
  encodeTableFile,
  listSigners,
  parseTableFile,
  readTableFile,
  signTableFile,
  type TableFile,
  writeTableFile,
} from '@ogong/host/drift-table/table-file';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { buildDriftTable, type DriftMeasurement } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { MAX_DRIFT_TABLE_BYTES } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import { createFakeSamples } from '@ogong/testing/calibration/sample-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addRows, mergeTables, succeed } from './combine-tables.ts';
import { describeTable, toTableJson } from './describe-table.ts';
import { readMeasurements } from './read-measurements.ts';

const signer = createNodeHybridSigner(new Uint8Array(64).fill(5));
const other = createNodeHybridSigner(new Uint8Array(64).fill(6));
let measurement: DriftMeasurement;
let file: TableFile;
let directory: string;

const build = (change: Partial<DriftMeasurement> = {}): DriftTable =>
  buildDriftTable({ version: 1, previous: new Uint8Array(32), measurements: [{ ...measurement, ...change }] }).table;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-table-'));
  const { store, add } = await createFakeSamples();
  await add({ count: 180, maxTokens: 8 });
  measurement = readMeasurements(crypto, [{ store, take: 'all' }], { codeVersion: 'test' })
    .drift[0] as DriftMeasurement;
  store.close();
  file = createTableFile(crypto, build());
});
afterAll(() => rmSync(directory, { recursive: true }));

const refusal = (text: string): unknown => {
  try {
    parseTableFile(crypto, text);
    return undefined;
  } catch (error) {
    return error;
  }
};
const edit = (text: string, change: (content: Record<string, unknown>) => void): string => {
  const content = JSON.parse(text) as Record<string, unknown>;
  change(content);
  return JSON.stringify(content);
};

describe('the file of a drift table', () => {
  it('reads back as what was written, signatures and all', () => {
    const signed = signTableFile(signTableFile(signTableFile(file, signer), other), signer);
    const path = join(directory, 'table.json');
    writeTableFile(path, signed);
    const read = readTableFile(crypto, path);
    expect(read.bytes).toEqual(file.bytes);
    expect(read.table).toEqual(file.table);
    expect(read.hash).toEqual(crypto.sha256(file.bytes));
    const keys = [other, signer].map(({ publicKey }) => hashHybridKey(crypto, publicKey));
    expect(listSigners(crypto, read)).toEqual(keys);
  });

  it('is refused when a byte of the table was changed', () => {
    const text = encodeTableFile(signTableFile(file, signer));
    const bytes = file.bytes.slice();
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    const tampered = edit(text, (content) => {
      content.table = toBase64(brotliCompressSync(bytes));
    });
    expect(refusal(tampered)).toMatchObject({ code: 'bad-table' });
    const rehashed = edit(tampered, (content) => {
      content.hash = toHex(hashDriftTable(crypto, bytes));
    });
    expect(['bad-table', 'bad-signature']).toContain((refusal(rehashed) as { code: string }).code);
  });

  it('is refused with the signature of another key, of another table, or none', () => {
    const text = encodeTableFile(signTableFile(file, signer));
    const swapped = edit(text, (content) => {
      const [signature] = content.signatures as Record<string, string>[];
      (signature as Record<string, string>).key = toBase64(other.publicKey);
    });
    expect(refusal(swapped)).toMatchObject({ code: 'bad-signature' });
    const next = createTableFile(crypto, { ...file.table, version: 2 });
    const moved = encodeTableFile({ ...next, signatures: signTableFile(file, signer).signatures });
    expect(refusal(moved)).toMatchObject({ code: 'bad-signature' });
    const empty = edit(text, (content) => {
      content.signatures = [{ key: 'AA==' }];
    });
    expect(refusal(empty)).toMatchObject({ code: 'bad-signature' });
  });

  it('is refused where it is something else', () => {
    const text = encodeTableFile(file);
    const change = (key: string, value: unknown) =>
      edit(text, (content) => {
        content[key] = value;
      });
    const many = Array.from({ length: 17 }, () => ({ key: 'AA==', signature: 'AA==' }));
    for (const bad of [
      ...[
        '',
        '{',
        'null',
        '[]',
        '7',
        change('format', 'other'),
        change('format', 'ogong-drift-table-file-v2'),
        change('table', 7),
        change('table', '!'),
      ],
      ...[change('signatures', {}), change('signatures', many), change('hash', undefined), change('table', 'AAAA')],
    ]) {
      expect(refusal(bad)).toMatchObject({ code: 'bad-table' });
    }
    expect(refusal(change('signatures', [null]))).toMatchObject({ code: 'bad-table' });
  });

  it('is refused where it does not unpack, or to more than a table may hold', () => {
    for (const packed of [file.bytes, brotliCompressSync(file.bytes).subarray(0, -4), new Uint8Array(0)]) {
      const bad = edit(encodeTableFile(file), (content) => {
        content.table = toBase64(packed);
      });
      expect(refusal(bad)).toMatchObject({ code: 'bad-table' });
    }
    const bomb = edit(encodeTableFile(file), (content) => {
      content.table = toBase64(brotliCompressSync(new Uint8Array(MAX_DRIFT_TABLE_BYTES + 1)));
    });
    expect(bomb.length).toBeLessThan(1000);
    expect(String(refusal(bomb))).toMatch(/does not unpack/);
  });

  it('is not read where it is too long for a table', () => {
    const path = join(directory, 'long.json');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 26);
    expect(() => readTableFile(crypto, path)).toThrow(/too many for a drift table/);
    expect(() => readTableFile(crypto, join(directory, 'none.json'))).toThrow(/ENOENT/);
  });
});

describe('tables', () => {
  const elsewhere = 'other-1/js/f64/fast/hash/kv-none';

  it('follow one another by version and hash', () => {
    expect(succeed(undefined)).toEqual({ version: 1, previous: new Uint8Array(32) });
    expect(succeed(file)).toEqual({ version: 2, previous: file.hash });
  });

  it('keep the rows that a new one does not replace', () => {
    const next = addRows(file, { ...build({ providerClass: elsewhere }), ...succeed(file) });
    expect(next.rows).toHaveLength(2 * file.table.rows.length);
    const again = addRows(createTableFile(crypto, next), { ...build({ codeVersion: 'newer' }), ...succeed(file) });
    expect(again.rows).toHaveLength(2 * file.table.rows.length);
    expect(again.rows.map(({ codeVersion }) => codeVersion).sort()).toEqual(['newer', 'test']);
  });

  it('merge into the row that rests on more', () => {
    const smaller = createTableFile(
      crypto,
      build({ honest: measurement.honest.slice(0, 170), codeVersion: 'smaller' }),
    );
    const foreign = createTableFile(crypto, build({ providerClass: elsewhere }));
    const merged = mergeTables([smaller, file, foreign]);
    expect(merged).toMatchObject({ version: 2, previous: smaller.hash });
    expect(merged.rows.map(({ codeVersion }) => codeVersion)).toEqual(['test', 'test']);
    expect(createTableFile(crypto, merged).table.rows).toHaveLength(2);
  });

  it('do not merge where a class is of two families', () => {
    const of = (family: string) =>
      createTableFile(crypto, { ...file.table, families: [{ numericClass: elsewhere, family }] });
    expect(() => mergeTables([of('a'), of('b')])).toThrow(/family a in one table, b in another/);
    expect(mergeTables([of('a'), of('a')]).families).toHaveLength(1);
  });

  it('are described in words and as JSON', () => {
    const signed = signTableFile(file, signer);
    const text = describeTable(crypto, signed);
    expect(text).toContain(toHex(file.hash));
    expect(text).toContain(measurement.providerClass);
    expect(text).toContain('1 to 16 tokens');
    const [row] = signed.table.rows;
    const power = [{ name: 'cheat', replies: 400, caught: [400, 400, 300, 0] }];
    const shown = describeTable(crypto, { ...signed, table: { ...signed.table, rows: [{ ...row!, power }] } });
    // The 95 % limit of 300 in 400 is 70.5 %, less 0.1 % of the honest. Half a fee is not worth it from 1 in 1.41 on.
    expect(shown).toMatch(/deterred +cheat, where it saves half the fee: by a coverage of 0\.71\d?, at 0\.001/);
    const weak = describeTable(crypto, {
      ...signed,
      table: { ...signed.table, rows: [{ ...row!, power: [{ ...power[0]!, caught: [0, 0, 0, 0] }] }] },
    });
    expect(weak).toContain('not by the loss of a fee');
    expect(toTableJson(crypto, signed)).toMatchObject({ hash: toHex(file.hash), version: 1, rows: [{ band: 0 }] });
  });
});
